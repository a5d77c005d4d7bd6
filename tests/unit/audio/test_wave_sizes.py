"""Every container and encoding of WAV keeps all samples under every wrong size, also as a kept file."""

import io
import struct
from itertools import product

import pytest
import soundfile

from schemas.media_type import MediaType
from streams.audio import Clip, decode
from streams.compression.kept_file import kept_file
from tests.support.signals import speech, write_sound

WAV = MediaType("audio/wav")
SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "GSM610")
#: The pairs that libsndfile writes.
WRITTEN = [pair for pair in product(("WAV", "WAVEX", "RF64", "W64"), SUBTYPES) if soundfile.check_format(*pair)]
OPEN = (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def clip(audio: bytes) -> Clip:
    result = decode(audio, WAV)
    assert isinstance(result, Clip), result
    return result


def with_sizes(audio: bytes, outer: int | None, inner: int | None) -> bytes:
    """Put in other sizes of file and data; None leaves them as they are."""
    at, form, data = (16, "<Q", 16) if audio.startswith(b"riff") else (4, "<I", 4)
    changed = bytearray(audio)
    if outer is not None:
        struct.pack_into(form, changed, at, outer)
    if inner is not None:
        struct.pack_into(form, changed, audio.index(b"data") + data, inner)
    return bytes(changed)


def size_of_data(audio: bytes) -> int:
    form, at = ("<Q", 16) if audio.startswith(b"riff") else ("<I", 4)
    size: int = struct.unpack_from(form, audio, audio.index(b"data") + at)[0]
    return size


@pytest.mark.parametrize(("container", "subtype"), WRITTEN)
def test_every_wrong_size(container: str, subtype: str) -> None:
    channels = 1 if subtype == "GSM610" else 2
    spoken = speech(0.101, 8000, channels)
    samples = spoken.samples / 32768 if subtype in {"FLOAT", "DOUBLE"} else spoken.samples
    audio = write_sound(samples, 8000, container, subtype)
    whole = clip(audio)
    assert whole.source.repairs == ()
    slip = 8 if container == "W64" else 0  # Wave64 counts the header of a chunk
    wrong = () if container == "RF64" else (size_of_data(audio) + 44,)  # there, the sizes are in the ds64 chunk
    for outer, inner in product((None, len(audio) + slip, *OPEN), (None, *OPEN, *wrong)):
        sent = with_sizes(audio, outer, inner)

        result = clip(sent)

        assert result.pcm_sha256 == whole.pcm_sha256, (outer, inner)
        if subtype != "GSM610":  # which is not kept
            kept = kept_file(sent, result)
            assert soundfile.info(io.BytesIO(kept)).frames == whole.frames
            assert (clip(kept).pcm_sha256, clip(kept).source.repairs) == (whole.pcm_sha256, ())
