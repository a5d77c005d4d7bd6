"""RF64 and Wave64 files, whose sizes have 64 bits, are read like WAV files."""

import struct

import pytest

from schemas import Rejection
from schemas.media_type import MediaType
from streams.audio import Clip, decode
from tests.support.signals import speech, write_sound
from tests.support.wave_files import chunk, fmt, riff

WAV = MediaType("audio/wav")
SPEECH = speech(0.2)


def clip(audio: bytes) -> Clip:
    result = decode(audio, WAV)
    assert isinstance(result, Clip), result
    return result


@pytest.mark.parametrize("container", ["RF64", "W64"])
@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF])
def test_64_bit_sizes_may_be_open(container: str, size: int) -> None:
    audio = bytearray(write_sound(SPEECH.samples, 8000, container, "PCM_16"))
    if container == "RF64":
        struct.pack_into("<QQQ", audio, 20, size, size, size)
    else:
        struct.pack_into("<Q", audio, 16, size)
        struct.pack_into("<Q", audio, audio.index(b"data") + 16, size)

    result = clip(bytes(audio))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("data-size", "riff-size")


@pytest.mark.parametrize("container", ["RF64", "W64"])
@pytest.mark.parametrize("share", [0.2, 0.7, 0.99])
def test_64_bit_files_that_were_cut_short_are_refused(container: str, share: float) -> None:
    audio = write_sound(SPEECH.samples, 8000, container, "PCM_16")

    result = decode(audio[: int(len(audio) * share)], WAV)

    assert isinstance(result, Rejection)
    assert result.code == "TruncatedAudio"


@pytest.mark.parametrize("size", [16, 29, 0x7FFFFFFF])
def test_the_ds64_chunk_may_have_a_wrong_size(size: int) -> None:
    audio = bytearray(write_sound(SPEECH.samples, 8000, "RF64", "PCM_16"))
    struct.pack_into("<I", audio, 16, size)

    result = clip(bytes(audio))

    assert (result.samples == SPEECH.samples).all()
    assert result.source.repairs == ("chunk-size",)


def test_rf64_without_its_ds64_chunk_is_open() -> None:
    audio = riff(
        chunk(b"fmt ", fmt()), chunk(b"data", SPEECH.samples.tobytes(), size=0xFFFFFFFF), size=0xFFFFFFFF, name=b"RF64"
    )

    assert (clip(audio).samples == SPEECH.samples).all()
