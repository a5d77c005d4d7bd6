"""OGG/Vorbis files are exactly as long as their clips, and similar to them."""

import io

import av
import numpy as np
import pytest
import soundfile

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.containers import ogg
from streams.audio.decode import decode
from streams.codecs import VorbisEncoder, vorbis
from tests.support.signals import clip_of, speech


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11025, 12345, 16000, 44100, 48000])
@pytest.mark.parametrize("frames", [1, 100, 5000])
def test_duration_is_exact(frames: int, rate: int, channels: int) -> None:
    clip = speech(frames / rate, rate, channels)

    encoded = VorbisEncoder(0.3).encode(clip)

    samples, found = soundfile.read(io.BytesIO(encoded.audio), always_2d=True)
    own = decode(encoded.audio, MediaType("audio/ogg"))
    assert (samples.shape, found) == (clip.samples.shape, rate)
    assert isinstance(own, Clip)
    assert own.samples.shape == clip.samples.shape
    assert (encoded.content_type, encoded.codec) == ("audio/ogg;codecs=vorbis", "vorbis")


def test_ffmpeg_plays_all_of_it() -> None:
    with av.open(io.BytesIO(VorbisEncoder(0.3).encode(speech(1.5)).audio), "r") as container:
        more = sum(frame.samples for frame in container.decode(audio=0)) - 12_000

    assert 0 <= more < 256  # up to the end of the last block


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("quality", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rate", [8000, 11025, 12345, 16_000, 22_050, 32_000, 48_000])
def test_positions_are_those_of_libsndfile(rate: int, quality: float, channels: int) -> None:
    clip = speech(6, rate, channels)
    theirs = ogg.walk(vorbis._encode(clip, quality))  # noqa: SLF001 - what libsndfile wrote
    own = ogg.walk(VorbisEncoder(quality).encode(clip).audio)
    assert isinstance(theirs, list)
    assert isinstance(own, list)

    positions = np.array([page.granule for page in own[2:]])
    assert np.diff(positions).max() <= rate
    audio = VorbisEncoder(quality).encode(clip).audio
    ends = vorbis.ends(list(ogg.packets(audio, own)))
    assert {page.granule for page in theirs if page.granule > 0} <= {*ends, clip.frames}


def test_joined_files_play_one_after_the_other() -> None:
    first, second = (VorbisEncoder(0.3).encode(speech(2, seed=seed)).audio for seed in range(2))

    with av.open(io.BytesIO(first + second), "r") as container:
        frames = sum(frame.samples for frame in container.decode(audio=0))

    assert frames == pytest.approx(32_000, abs=512)  # each up to the end of its last block


def test_better_quality_is_nearer_to_the_clip() -> None:
    clip = speech(2)
    errors, sizes = [], []
    for quality in (0.0, 0.3, 0.6, 1.0):
        audio = VorbisEncoder(quality).encode(clip).audio
        samples, _ = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
        errors.append(float(np.mean((samples.astype(float) - clip.samples) ** 2)))
        sizes.append(len(audio))

    assert errors == sorted(errors, reverse=True)
    assert sizes == sorted(sizes)


def test_millions_of_samples_are_no_problem() -> None:
    clip = clip_of(np.zeros(3_000_000, np.int16))

    assert soundfile.info(io.BytesIO(VorbisEncoder(0.3).encode(clip).audio)).frames == 3_000_000
