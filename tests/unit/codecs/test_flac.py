"""FLAC files are bit-exact, complete in their header, and the same every time."""

import io

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.codecs import FlacEncoder
from tests.support.signals import clip_of, speech

RATES = (8000, 11025, 12345, 16000, 22050, 32000, 44100, 48000)


@pytest.mark.parametrize("effort", [5, 8])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_other_decoders_agree(rate: int, channels: int, effort: int) -> None:
    clip = speech(0.5, rate, channels)

    encoded = FlacEncoder(effort).encode(clip)

    samples, found = soundfile.read(io.BytesIO(encoded.audio), dtype="int16", always_2d=True)
    assert (encoded.content_type, encoded.codec, encoded.quality) == ("audio/flac", "flac", 5.0)
    assert found == rate
    assert np.array_equal(samples, clip.samples)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("frames", "channels"), [(1, 1), (1, 2), (577, 8), (50_001, 2)])
def test_incompressible_audio_fits_into_the_buffer(rate: int, frames: int, channels: int) -> None:
    noise = np.random.default_rng(frames).integers(-(1 << 15), 1 << 15, (frames, channels), np.int16)

    encoded = FlacEncoder(8).encode(clip_of(noise, rate))

    samples, _ = soundfile.read(io.BytesIO(encoded.audio), dtype="int16", always_2d=True)
    assert np.array_equal(samples, noise)


def test_a_failure_of_libflac_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="libFLAC failed: FLAC__STREAM_ENCODER_"):
        FlacEncoder(5).encode(clip_of(np.zeros((10, 9), np.int16), 8000))


def test_players_see_the_duration() -> None:
    with av.open(io.BytesIO(FlacEncoder(5).encode(speech(1.5)).audio), "r") as container:
        assert container.duration == 1_500_000
        assert sum(frame.samples for frame in container.decode(audio=0)) == 12_000


@given(
    frames=st.integers(1, 3000),
    channels=st.integers(1, 2),
    rate=st.integers(8000, 48000),
    loudness=st.sampled_from([0, 1, 100, 32767]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_every_sample_survives(frames: int, channels: int, rate: int, loudness: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(-loudness - 1, loudness + 1, (frames, channels), np.int16)
    clip = clip_of(samples, rate)

    decoded = decode(FlacEncoder(8).encode(clip).audio, MediaType("audio/flac"))  # which compares the MD5, too

    assert isinstance(decoded, Clip)
    assert (decoded.rate, decoded.pcm_sha256) == (rate, clip.pcm_sha256)


def test_names_its_library() -> None:
    encoded = FlacEncoder(5).encode(speech(0.1))

    assert encoded.encoder.startswith("libFLAC/1.")
    assert encoded.encoder in FlacEncoder(5).profile
    assert FlacEncoder(5).profile != FlacEncoder(8).profile
