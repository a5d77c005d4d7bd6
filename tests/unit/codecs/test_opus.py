"""OGG/Opus files last exactly as long as their clips, and are the same every time."""

import io
from concurrent.futures import ThreadPoolExecutor

import av
import pytest
import soundfile

from streams.audio import ogg
from streams.audio.clip import Clip
from streams.codecs import OpusEncoder
from tests.support.signals import speech

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


def by_libsndfile(audio: bytes) -> float:
    """Duration in seconds, as libopus decodes it."""
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    return len(samples) / float(rate)


def by_ffmpeg(audio: bytes) -> float:
    """Duration in seconds, as FFmpeg's own decoder has it."""
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
    look_ahead = 312 * rate // 48000
    for frames in (1, 2, 17):
        for more in range(-7, 8):
            clip = speech((frames * frame - look_ahead + more) / rate, rate)
            lasts(clip, OpusEncoder(bitrate).encode(clip).audio)


@pytest.mark.parametrize(("rate", "named"), [(8000, 8000), (11025, 12000), (16000, 16000), (44100, 48000)])
def test_header_names_the_rate(rate: int, named: int) -> None:
    assert soundfile.info(io.BytesIO(OpusEncoder(12000).encode(speech(0.2, rate)).audio)).samplerate == named


def test_file_is_whole() -> None:
    audio = OpusEncoder(12000).encode(speech(5)).audio
    pages = ogg.walk(audio)

    assert isinstance(pages, list)
    assert pages[-1].flags & 4


@pytest.mark.parametrize("rate", [8000, 44100])
def test_bytes_are_the_same_in_all_threads(rate: int) -> None:
    clips = [speech(0.3, rate, seed=seed) for seed in range(8)]
    encode = OpusEncoder(12000).encode

    alone = [encode(clip).audio for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = [encoded.audio for encoded in pool.map(encode, clips * 3)]

    assert together == alone * 3


def test_bit_rate_is_kept_to() -> None:
    clip = speech(20)

    sizes = [len(OpusEncoder(bitrate).encode(clip).audio) for bitrate in (7000, 9000, 12000)]

    assert sizes == sorted(sizes)
    assert all(abs(size * 8 / 20 - rate) < 0.2 * rate for size, rate in zip(sizes, (7000, 9000, 12000), strict=True))


def test_says_what_it_is() -> None:
    encoded = OpusEncoder(12000).encode(speech(0.1))

    assert (encoded.content_type, encoded.codec, encoded.quality) == ("audio/ogg;codecs=opus", "opus", 4.32)
    assert encoded.encoder.startswith("libopus")
    assert encoded.encoder in OpusEncoder(12000).profile
