"""Files with two mono Opus streams keep the sides of a call apart, and are exactly as long as their clips."""

import io

import av
import numpy as np
import pytest
import soundfile

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.containers import ogg
from streams.audio.decode import decode
from streams.codecs import DualMonoOpusEncoder, OpusEncoder
from tests.support.signals import clip_of, speech

BOTH = DualMonoOpusEncoder(OpusEncoder(9000, shaped=True), OpusEncoder(12_000))


def by_libsndfile(audio: bytes) -> tuple[np.ndarray, int]:
    """Samples and rate after decoding by libopus."""
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    return samples, rate


def by_ffmpeg(audio: bytes) -> np.ndarray:
    """Samples at 48 kHz after decoding by FFmpeg's own decoder."""
    with av.open(io.BytesIO(audio), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames or [np.empty((2, 0), np.float32)], axis=1).T


def lasts(clip: Clip, audio: bytes) -> None:
    seconds = clip.frames / clip.rate
    samples, rate = by_libsndfile(audio)
    assert samples.shape[1] == 2
    assert abs(len(samples) / rate - seconds) * clip.rate <= 1
    assert abs(len(by_ffmpeg(audio)) / 48_000 - seconds) * clip.rate <= 1


def silent_beside(voice: Clip) -> tuple[Clip, Clip]:
    """A voice on one side of a call and silence on the other, both ways round."""
    left = np.hstack([voice.samples, np.zeros_like(voice.samples)])
    return clip_of(left, voice.rate), clip_of(left[:, ::-1], voice.rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000, 44_100, 8001])
def test_duration_is_exact(rate: int) -> None:
    for milliseconds in (0, 20, 53, 54, 59, 61, 500, 1234):  # 0 gives one sample
        clip = speech(milliseconds / 1000, rate, 2)
        lasts(clip, BOTH.encode(clip).audio)


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_duration_is_exact_around_the_end_of_a_frame(rate: int) -> None:
    for frames in (1, 2, 17):
        for more in range(-7, 8):
            clip = speech((frames * rate * 60 // 1000 - (960 + 312) * rate // 48000 + more) / rate, rate, 2)
            lasts(clip, BOTH.encode(clip).audio)


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_sides_stay_apart(rate: int) -> None:
    for number, clip in enumerate(silent_beside(speech(3, rate))):
        audio = BOTH.encode(clip).audio
        for decoded in (by_libsndfile(audio)[0] / 32768, by_ffmpeg(audio)):
            loudness = np.sqrt(np.mean(decoded**2, axis=0))
            assert loudness[number] > 100 * loudness[1 - number]


def test_each_side_is_what_its_encoder_makes_of_it() -> None:
    clip = speech(3, 8000, 2)
    together, _ = by_libsndfile(BOTH.encode(clip).audio)
    for side, encoder in enumerate((BOTH.left, BOTH.right)):
        alone, _ = by_libsndfile(encoder.encode(clip_of(clip.samples[:, side])).audio)
        assert np.array_equal(together[:, side], alone[:, 0])


def test_silence_of_one_side_is_omitted() -> None:
    pause = np.random.default_rng(0).normal(0, 5, (40_000, 1)).astype(np.int16)
    voice = speech(5).samples
    clip = clip_of(np.hstack([np.concatenate([voice, pause]), np.concatenate([pause, voice])]))
    kept, omitted = (
        DualMonoOpusEncoder(OpusEncoder(9000, dtx=dtx), OpusEncoder(9000, dtx=dtx)).encode(clip).audio
        for dtx in (False, True)
    )
    assert len(omitted) < 0.9 * len(kept)
    lasts(clip, omitted)
    decoded = by_ffmpeg(omitted) * 32768
    for side, pause_at in enumerate((slice(6 * 48_000, -48_000), slice(48_000, 4 * 48_000))):
        loudness = np.sqrt((decoded[pause_at, side].reshape(-1, 960) ** 2).mean(axis=1))
        assert loudness.max() < 25  # the noise that was there has 5


def test_music_beside_a_voice_keeps_its_mode() -> None:
    encoder = DualMonoOpusEncoder(OpusEncoder(64_000), OpusEncoder(64_000))
    for rate in (8000, 16_000):
        clip = speech(2, rate, 2)
        lasts(clip, encoder.encode(clip).audio)


@pytest.mark.parametrize(
    ("rate", "left", "right"),
    [
        (8000, OpusEncoder(9000), OpusEncoder(64_000)),
        (16_000, OpusEncoder(16_000), OpusEncoder(9000, bandwidth=4000)),
        (48_000, OpusEncoder(7000), OpusEncoder(24_000)),
    ],
)
def test_ffmpeg_decodes_sides_of_different_kinds_as_it_does_alone(
    rate: int, left: OpusEncoder, right: OpusEncoder
) -> None:
    clip = speech(2, rate, 2)
    audio = DualMonoOpusEncoder(left, right).encode(clip).audio
    lasts(clip, audio)

    by_libopus, found = by_libsndfile(audio)
    levels = [
        np.abs(decoded[: 33 * frame].reshape(33, frame, 2)).mean(axis=1)
        for decoded, frame in ((by_libopus / 32768.0, found * 60 // 1000), (by_ffmpeg(audio), 2880))
    ]
    assert np.abs(levels[0] - levels[1]).max() < 0.01


def test_is_an_input_as_well() -> None:
    clip = speech(1, 8000, 2)
    again = decode(BOTH.encode(clip).audio, MediaType("audio/ogg"))
    assert isinstance(again, Clip)
    assert (again.samples.shape, again.rate, again.source.encoding) == (clip.samples.shape, 8000, "opus")


def test_one_channel_with_a_mapping_is_an_input() -> None:
    audio = OpusEncoder(9000).encode(speech(1)).audio
    pages = ogg.walk(audio)
    assert isinstance(pages, list)
    head = audio[pages[0].body : pages[0].end - 1] + bytes([1, 1, 0, 0])  # family 1, one stream, not coupled
    page = ogg.sealed(audio[: pages[0].body - 1] + bytes([len(head)]) + head)

    again = decode(page + audio[pages[0].end :], MediaType("audio/ogg"))

    assert isinstance(again, Clip)
    assert again.samples.shape == (8000, 1)


def test_needs_two_channels() -> None:
    with pytest.raises(ValueError, match="two channels"):
        BOTH.encode(speech(1))
