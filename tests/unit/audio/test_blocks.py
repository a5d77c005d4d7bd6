"""Files that are read block by block are judged like files in memory."""

import random
import tempfile
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, decode
from streams.audio.blocks import AudioBlocks, collected
from streams.audio.containers.content import (
    Content,
    FileContent,
    Spliced,
    end_without_zeros,
    first_not_zero,
    part,
)
from streams.audio.decode import open_blocks
from tests.support.coded import g722, gsm
from tests.support.ogg_pages import write_short_pages
from tests.support.signals import encode_as, media_type_of, speech

FORMATS = {
    "audio/x-slin;rate=8000": encode_as(speech(8), "audio/x-slin;rate=8000"),
    "audio/L16;rate=8000": encode_as(speech(8), "audio/L16;rate=8000"),
    "audio/PCMA": encode_as(speech(8), "audio/PCMA"),
    "audio/GSM": gsm(speech(3)),
    "audio/G722": g722(speech(3, 16_000)),
    "audio/wav": encode_as(speech(8), "audio/wav"),
    "audio/flac": encode_as(speech(8), "audio/flac"),
    "audio/ogg": encode_as(speech(8, channels=2), "audio/ogg"),
    "audio/ogg;codecs=opus": encode_as(speech(8), "audio/ogg;codecs=opus"),
    "audio/mpeg": encode_as(speech(8), "audio/mpeg"),
}


def from_file(audio: bytes, label: MediaType, limits: DecodeLimits = DecodeLimits()) -> Clip | Rejection:  # noqa: B008
    with tempfile.TemporaryFile() as file:
        file.write(audio)
        file.flush()
        return collected(open_blocks(FileContent(file.fileno()), label, limits))


def damaged(audio: bytes, seed: int) -> bytes:
    """The file, cut, with wrong bytes, with something before or behind it, or twice."""
    choice = random.Random(seed)
    at, size = choice.randrange(len(audio)), choice.choice([1, 2, 100])
    noise = choice.randbytes(size)
    return choice.choice(
        [
            audio[:at],
            audio[:at] + noise + audio[at + size :],
            audio[: at % 200] + noise + audio[at % 200 + size :],
            audio + noise,
            audio + bytes(300),
            audio + audio,
            noise + audio,
            audio[:at] + audio[at + size :],
            b"ID3\4\0\0\0\0\0\5hello" + audio + b"TAG" + bytes(125),
        ]
    )


@pytest.mark.parametrize("text", FORMATS)
def test_a_file_is_read_as_in_memory(text: str) -> None:
    for audio in (FORMATS[text], *(damaged(FORMATS[text], seed) for seed in range(12))):
        for label in (text, "audio/wav", "audio/x-slin;rate=8000"):
            in_memory, in_blocks = decode(audio, media_type_of(label)), from_file(audio, media_type_of(label))

            if isinstance(in_memory, Rejection):
                assert in_blocks == in_memory
            else:
                assert isinstance(in_blocks, Clip), in_blocks
                assert in_blocks.metadata == in_memory.metadata


def test_the_label_of_a_long_recording_is_checked_in_the_same_places() -> None:
    audio = 10 * speech(20).samples.astype(">i2").tobytes()
    label = media_type_of("audio/x-slin;rate=8000")

    in_memory, in_blocks = decode(audio, label), from_file(audio, label)

    assert isinstance(in_memory, Clip)
    assert isinstance(in_blocks, Clip)
    assert in_blocks.source.corrected == in_memory.source.corrected == media_type_of("audio/L16;rate=8000")


def test_the_limits_are_kept() -> None:
    for text, audio in FORMATS.items():
        for limits in (DecodeLimits(max_pcm_bytes=1000), DecodeLimits(min_rate=48_000), DecodeLimits(max_channels=0)):
            refused = from_file(audio, media_type_of(text), limits)

            assert isinstance(refused, Rejection)
            assert refused == decode(audio, media_type_of(text), limits)


@pytest.fixture
def contents() -> Iterator[tuple[bytes, FileContent]]:
    """The same bytes in memory, and in the middle of a file: a few values, many zeros."""
    values = np.random.default_rng(1).integers(0, 3, 300_000, dtype=np.uint8)
    values[:100], values[100_000:200_000], values[-100_000:] = 0, 0, 0
    audio = values.tobytes()
    with tempfile.TemporaryFile() as file:
        file.write(b"before" + audio + b"behind")
        file.flush()
        yield audio, FileContent(file.fileno()).part(6, 6 + len(audio))


def test_content_is_like_bytes(contents: tuple[bytes, FileContent]) -> None:
    audio, content = contents
    choice = random.Random(1)
    for _ in range(300):
        start, end = sorted(choice.randrange(-10, len(audio) + 10) for _ in range(2))
        sought = choice.choice([audio[120 : 120 + choice.randrange(1, 12)], b"\1\1\1\1\1\1\1\1\1\1\1\1", b"\xff"])
        assert content[start:end] == audio[start:end]
        assert content.find(sought, max(start, 0), max(end, 0)) == audio.find(sought, max(start, 0), max(end, 0))
        assert content.rfind(sought, max(start, 0), max(end, 0)) == audio.rfind(sought, max(start, 0), max(end, 0))
        assert content.startswith(sought, max(start, 0)) == audio.startswith(sought, max(start, 0))
    assert content.count(b"\1\2") == audio.count(b"\1\2")
    assert (content[150], len(content)) == (audio[150], len(audio))
    with pytest.raises(IndexError):
        content[len(audio)]


@pytest.mark.parametrize("start", [0, 99, 100, 101, 150_000, 299_999])
def test_zeros_are_found(contents: tuple[bytes, FileContent], start: int) -> None:
    for content in contents:
        rest: Content = part(content, start)
        expected = next((at for at, octet in enumerate(contents[0][start:]) if octet), None)
        assert first_not_zero(rest) == expected
        assert end_without_zeros(rest) == len(contents[0][start:].rstrip(b"\0"))


def test_spliced_contents_are_one_file(contents: tuple[bytes, FileContent]) -> None:
    audio, content = contents
    file, whole = Spliced(b"", audio[:100], content, b"", b"end"), audio[:100] + audio + b"end"
    choice = random.Random(1)

    assert file.read() == whole
    for _ in range(100):
        at, size = choice.randrange(len(whole) + 10), choice.randrange(1000)
        assert file.seek(at) == at
        assert file.read(size) == whole[at : at + size]
    assert file.seek(-3, 2) == len(whole) - 3
    assert file.read() == b"end"


@pytest.mark.parametrize("ends", [True, False])
def test_memory_does_not_grow_with_the_number_of_pages(ends: bool) -> None:
    with tempfile.TemporaryFile() as file:
        write_short_pages(400, file, ends=ends)
        frames = 0
        tracemalloc.start()
        try:
            opened = open_blocks(FileContent(file.fileno()), media_type_of("audio/ogg"), DecodeLimits())
            assert isinstance(opened, AudioBlocks)
            for block in opened.blocks:
                assert not isinstance(block, Rejection), block
                frames += len(block)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert frames == pytest.approx(400 * opened.rate, abs=4000)
    assert peak < 2_000_000, "20,000 pages are of no matter to what is kept"
