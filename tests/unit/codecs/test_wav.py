"""WAV files are bit-exact, as small as possible, and readable by other decoders."""

import io
import struct

import numpy as np
import pytest
import soundfile

from schemas.media_type import MediaType
from streams.audio import g711
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.codecs import WavEncoder
from tests.support.signals import clip_of, speech


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, 8001])
def test_pcm(frames: int, channels: int) -> None:
    clip = speech(frames / 8000, channels=channels)

    encoded = WavEncoder("pcm").encode(clip)

    samples, rate = soundfile.read(io.BytesIO(encoded.audio), dtype="int16", always_2d=True)
    assert len(encoded.audio) == 44 + clip.samples.nbytes
    assert (encoded.content_type, encoded.codec, encoded.quality) == ("audio/wav", "pcm", 5.0)
    assert rate == 8000
    assert np.array_equal(samples, clip.samples)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, 8001])
def test_g711(frames: int, channels: int, law: g711.Law) -> None:
    linear = speech(frames / 8000, channels=channels)
    clip = clip_of(g711.decode(g711.encode(linear.samples, law), law))

    encoded = WavEncoder(law).encode(clip)

    samples, _ = soundfile.read(io.BytesIO(encoded.audio), dtype="int16", always_2d=True)
    own = decode(encoded.audio, MediaType("audio/wav"))
    size = clip.samples.size
    assert len(encoded.audio) == 58 + size + size % 2
    assert encoded.audio[50:58] == struct.pack("<4sI", b"data", size)
    assert struct.unpack_from("<I", encoded.audio, 4) == (len(encoded.audio) - 8,)
    assert encoded.audio[58 + size :] == bytes(size % 2)
    assert isinstance(own, Clip)
    assert own.pcm_sha256 == clip.pcm_sha256
    assert np.array_equal(samples, clip.samples)
