"""OGG/Opus files are exactly as long as their clips, also if silence is omitted."""

import io

import av
import numpy as np
import pytest
import soundfile

from streams.audio.clip import Clip
from streams.audio.containers import ogg
from streams.codecs import OpusEncoder
from tests.support.signals import clip_of, speech

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


def by_libsndfile(audio: bytes) -> float:
    """Duration in seconds after decoding by libopus."""
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    return len(samples) / float(rate)


def by_ffmpeg(audio: bytes) -> float:
    """Duration in seconds after decoding by FFmpeg's own decoder."""
    with av.open(io.BytesIO(audio), "r") as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def lasts(clip: Clip, audio: bytes) -> None:
    seconds = clip.frames / clip.rate
    assert abs(by_libsndfile(audio) - seconds) * clip.rate <= 1
    assert abs(by_ffmpeg(audio) - seconds) * clip.rate <= 1


@pytest.mark.parametrize("bitrate", [7000, 12000, 24000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [*OPUS_RATES, 11025, 22050, 32000, 44100, 8001, 47999])
def test_duration_is_exact(rate: int, channels: int, bitrate: int) -> None:
    for milliseconds in (0, 20, 53, 54, 59, 61, 500, 1234):  # 0 gives one sample
        clip = speech(milliseconds / 1000, rate, channels)
        lasts(clip, OpusEncoder(bitrate).encode(clip).audio)


@pytest.mark.parametrize("bitrate", [7000, 12000])
@pytest.mark.parametrize("rate", OPUS_RATES)
def test_duration_is_exact_around_the_end_of_a_frame(rate: int, bitrate: int) -> None:
    frame = rate * 60 // 1000
    around = (960 + 312) * rate // 48000  # the lead, and the look-ahead
    for frames in (1, 2, 17):
        for more in range(-7, 8):
            clip = speech((frames * frame - around + more) / rate, rate)
            lasts(clip, OpusEncoder(bitrate).encode(clip).audio)


@pytest.mark.parametrize(("rate", "named"), [(8000, 8000), (11025, 12000), (16000, 16000), (44100, 48000)])
def test_header_names_the_rate(rate: int, named: int) -> None:
    assert soundfile.info(io.BytesIO(OpusEncoder(12000).encode(speech(0.2, rate)).audio)).samplerate == named


def test_file_is_complete() -> None:
    audio = OpusEncoder(12000).encode(speech(5)).audio
    pages = ogg.walk(audio)

    assert isinstance(pages, list)
    assert pages[-1].flags & 4


@pytest.mark.parametrize("second", [0.5, 30.2, 88.5])
def test_players_can_seek_to_any_second(second: float) -> None:
    audio = OpusEncoder(12000, effort=0).encode(speech(90)).audio

    with av.open(io.BytesIO(audio), "r") as container:
        container.seek(round(second * av.time_base))
        at = next(container.decode(audio=0)).time

    assert at is not None
    assert second - 1.1 < at <= second


def test_joined_files_play_one_after_the_other() -> None:
    clips = [speech(2, seed=seed) for seed in range(3)]

    joined = b"".join(OpusEncoder(12000).encode(clip).audio for clip in clips)

    assert by_ffmpeg(joined) == pytest.approx(6)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", OPUS_RATES)
def test_duration_is_exact_without_transmission(rate: int, channels: int) -> None:
    for clip in (calm(rate, channels), clip_of(np.zeros((rate * 3, channels), np.int16), rate)):
        lasts(clip, OpusEncoder(7000 * channels, dtx=True).encode(clip).audio)


@pytest.mark.parametrize("rate", [8000, 12_000, 16_000])
def test_ffmpeg_is_quiet_where_silence_is_omitted(rate: int) -> None:
    clip = calm(rate, 1)

    audio = OpusEncoder(9000, dtx=True).encode(clip).audio

    with av.open(io.BytesIO(audio), "r") as container:
        decoded = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)]) * 32768
    pause = decoded[2 * 48_000 : 6 * 48_000].reshape(-1, 960)  # FFmpeg always decodes to 48 kHz
    assert np.sqrt((pause**2).mean(axis=1)).max() < 25  # the noise that was there has 5


def test_silence_is_omitted() -> None:
    clip = calm(8000, 1)

    kept, left_out = (len(OpusEncoder(9000, dtx=dtx).encode(clip).audio) for dtx in (False, True))

    assert left_out < 0.8 * kept


def test_each_side_of_a_call_keeps_to_its_channel() -> None:
    samples = np.concatenate([speech(3, seed=1).samples, np.zeros((24_000, 1), np.int16)])
    clip = clip_of(np.hstack([samples, samples[::-1]]))

    decoded, _ = soundfile.read(io.BytesIO(OpusEncoder(14_000).encode(clip).audio), always_2d=True)

    loudness = np.sqrt(np.mean(decoded.reshape(2, -1, 2) ** 2, axis=1))  # by half and channel
    assert loudness[0, 0] > 10 * loudness[0, 1]
    assert loudness[1, 1] > 10 * loudness[1, 0]


def test_bandwidth_limits_what_is_coded() -> None:
    noise = clip_of(np.random.default_rng(0).integers(-3000, 3000, 48_000 * 2).astype(np.int16), 48_000)

    def above_5_khz(bandwidth: int) -> float:
        audio = OpusEncoder(48_000, bandwidth=bandwidth).encode(noise).audio
        power = np.abs(np.fft.rfft(soundfile.read(io.BytesIO(audio))[0])) ** 2
        return float(power[len(power) * 5 // 24 :].sum() / power.sum())

    assert above_5_khz(4000) < 0.01
    assert above_5_khz(24_000) > 0.5


def calm(rate: int, channels: int) -> Clip:
    """Two sentences with five seconds of faint noise between them."""
    pause = np.random.default_rng(0).normal(0, 5, (rate * 5, channels)).astype(np.int16)
    voices = [speech(1.5, rate, channels, seed).samples for seed in (1, 2)]
    return clip_of(np.concatenate([voices[0], pause, voices[1]]), rate)


def test_bit_rate_is_kept_to() -> None:
    clip = speech(20)

    sizes = [len(OpusEncoder(bitrate).encode(clip).audio) for bitrate in (7000, 9000, 12000)]

    assert sizes == sorted(sizes)
    assert all(abs(size * 8 / 20 - rate) < 0.2 * rate for size, rate in zip(sizes, (7000, 9000, 12000), strict=True))


def test_quieter_parts_get_fewer_bits() -> None:
    loud = speech(4).samples
    clip = clip_of(np.concatenate([loud, loud // 16]))

    kept, shaped = (OpusEncoder(11_000, shaped=shaped).encode(clip).audio for shaped in (False, True))

    assert len(shaped) < 0.92 * len(kept)
    lasts(clip, shaped)


def test_pauses_leave_the_rest_as_it_is() -> None:
    voice = speech(4).samples
    frames = 67 * 480  # whole packets: the end of the last one is where it was

    alone, paused = (
        soundfile.read(io.BytesIO(OpusEncoder(11_000, shaped=True).encode(clip_of(samples)).audio), dtype="int16")[0]
        for samples in (voice, np.pad(voice, ((0, frames), (0, 0))))
    )

    assert np.array_equal(alone[:28_000], paused[:28_000])


@pytest.mark.parametrize(("rate", "channels"), [(8000, 2), (16_000, 1)])
def test_stereo_and_wide_band_are_not_shaped(rate: int, channels: int) -> None:
    clip = speech(2, rate, channels)

    assert OpusEncoder(24_000, shaped=True).encode(clip) == OpusEncoder(24_000).encode(clip)


def test_names_codec_type_and_profile() -> None:
    encoded = OpusEncoder(12000).encode(speech(0.1))

    assert (encoded.content_type, encoded.codec, encoded.quality) == ("audio/ogg;codecs=opus", "opus", 0.0)
    assert encoded.encoder.startswith("libopus")
    assert encoded.encoder in OpusEncoder(12000).profile


def test_ffmpeg_decodes_what_libopus_decodes() -> None:
    samples = np.concatenate([speech(4, seed=seed).samples for seed in range(20)])
    audio = OpusEncoder(9000, effort=0, shaped=True).encode(clip_of(samples)).audio

    by_libopus, _ = soundfile.read(io.BytesIO(audio), always_2d=True)
    with av.open(io.BytesIO(audio), "r") as container:
        at_48_khz = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])

    levels = [frame_levels(by_libopus[:, 0], 480), frame_levels(at_48_khz, 2880)]
    assert np.abs(levels[0] - levels[1]).max() < 1


def frame_levels(samples: np.ndarray, frame: int) -> np.ndarray:
    """Level in dB of each frame of 60 ms, below 3 kHz, which every decoder keeps."""
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    spectrum = np.fft.rfft(whole * np.hanning(frame))[:, :180] / frame
    return np.asarray(10 * np.log10((np.abs(spectrum) ** 2).sum(axis=1) + 1e-8))
