"""MP3 files have their exact length in the Info frame, for decoders that read it."""

import io

import av
import numpy as np
import pytest
import soundfile

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.codecs import Mp3Encoder
from streams.codecs.mp3 import RATES
from tests.support.signals import speech


@pytest.mark.parametrize("bitrate", [8000, 32_000, 320_000])  # the extremes do not exist at some sampling rates
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [*RATES, 12345])
def test_duration_is_exact(rate: int, channels: int, bitrate: int) -> None:
    for frames in (1, 47, 48, 575, 576, 577, 1152, 9001):
        clip = speech(frames / rate, rate, channels)
        encoded = Mp3Encoder(bitrate).encode(clip)

        samples, found = soundfile.read(io.BytesIO(encoded.audio), always_2d=True)
        own = decode(encoded.audio, MediaType("audio/mpeg"))
        assert len(samples) == round(frames * found / rate)
        assert isinstance(own, Clip)
        assert own.frames == len(samples)
        if frames > 46:  # FFmpeg cuts no more than a frame
            assert by_ffmpeg(encoded.audio) == len(samples)


def by_ffmpeg(audio: bytes) -> int:
    with av.open(io.BytesIO(audio), "r", format="mp3") as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def test_is_aligned_with_the_clip() -> None:
    clip = speech(3)

    samples, _ = soundfile.read(io.BytesIO(Mp3Encoder(64_000).encode(clip).audio), dtype="int16")

    original = clip.samples[:, 0].astype(float)
    assert np.corrcoef(original, samples)[0, 1] > 0.95


def test_players_show_the_duration() -> None:
    with av.open(io.BytesIO(Mp3Encoder(16_000).encode(speech(3)).audio), "r") as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - 3) < 0.2


def test_bit_rate_is_kept_to() -> None:
    encoded = Mp3Encoder(16_000).encode(speech(10))

    assert abs(len(encoded.audio) * 8 / 10 - 16_000) < 500
    assert (encoded.content_type, encoded.codec) == ("audio/mpeg", "mpeg")
