"""FLAC files are bit-exact, complete in their header, and the same every time."""

import io
import struct
from itertools import pairwise

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


@pytest.mark.parametrize("rate", [8000, 12345, 48000])
@pytest.mark.parametrize("seconds", [1e-9, 0.06, 10, 35])
def test_seek_points_lead_to_their_blocks(seconds: float, rate: int) -> None:
    clip = speech(seconds, rate) if seconds > 0.01 else clip_of(np.ones(1, np.int16), rate)

    audio = FlacEncoder(0).encode(clip).audio

    size = int.from_bytes(audio[43:46], "big")
    points = list(struct.iter_unpack(">QQH", audio[46 : 46 + size]))
    assert (audio[4], audio[42]) == (0, 0x83)  # STREAMINFO, then SEEKTABLE, which is the last block
    assert len(points) in {int(seconds / 10) + 1, int(seconds / 10) + 2}
    assert points[0] == (0, 0, min(clip.frames, points[0][2]))
    assert all(9 <= (later - sooner) / rate <= 10 for (sooner, *_), (later, *_) in pairwise(points))
    for sample, offset, frames in points:
        # The audio from a point on is a FLAC stream of its own, whose frames have the numbers of the whole file.
        alone = audio[:4] + b"\x80" + audio[5:21] + bytes((audio[21] & 0xF0,)) + bytes(20) + audio[46 + size + offset :]
        with av.open(io.BytesIO(alone), "r", format="flac") as container:
            first = next(container.decode(audio=0))
        assert first.samples == frames
        assert np.array_equal(first.to_ndarray().reshape(-1), clip.samples[sample : sample + frames, 0])


@pytest.mark.parametrize("seconds", [2, 90])
def test_size_of_the_seek_table(seconds: int) -> None:
    clip = speech(seconds)

    audio = FlacEncoder(5).encode(clip).audio

    assert int.from_bytes(audio[43:46], "big") == 18 * (1 + seconds // 10)


def test_names_its_library() -> None:
    encoded = FlacEncoder(5).encode(speech(0.1))

    assert encoded.encoder.startswith("libFLAC/1.")
    assert encoded.encoder in FlacEncoder(5).profile
    assert FlacEncoder(5).profile != FlacEncoder(8).profile
