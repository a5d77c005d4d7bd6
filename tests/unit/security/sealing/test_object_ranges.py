"""A part of a sealed object is opened with its frames alone."""

import os
from collections.abc import Iterator

import pytest

from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing
from streams.security.sealing.objects import (
    FRAME_BYTES,
    SealedObjectError,
    content_bytes,
    open_range,
    seal_object,
    sealed_object_bytes,
)

KEY = DataKey.new()
SIZES = (0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 5)


def find(key_id: bytes) -> DataKey | Missing:
    return KEY if key_id == KEY.id else Missing.UNKNOWN


class Stored:
    """A sealed object, and how much of it was read."""

    def __init__(self, content: bytes) -> None:
        self.sealed = b"".join(seal_object([content], KEY))
        self.was_read = 0

    def read(self, start: int, end: int) -> Iterator[bytes]:
        self.was_read += end - start
        yield self.sealed[start : (start + end) // 2]
        yield self.sealed[(start + end) // 2 : end]

    def opened(self, start: int, end: int, sealed_bytes: int | None = None) -> bytes:
        return b"".join(open_range(self.read, sealed_bytes or len(self.sealed), find, start, end))


@pytest.mark.parametrize("size", SIZES)
def test_the_size_of_the_content_follows_from_that_of_the_object(size: int) -> None:
    assert content_bytes(sealed_object_bytes(size)) == size


def test_other_sizes_are_of_no_sealed_object() -> None:
    for size in (0, 39, 67, sealed_object_bytes(FRAME_BYTES) + 1, sealed_object_bytes(FRAME_BYTES) + 28):
        assert content_bytes(size) is None, size


@pytest.mark.parametrize("size", SIZES)
def test_a_part_is_that_of_the_content(size: int) -> None:
    content = os.urandom(size)
    stored = Stored(content)
    edges = {0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, size // 2, size - 1, size}
    inside = sorted(one for one in edges if 0 <= one <= size)
    for start in inside:
        for end in inside:
            if start <= end:
                assert stored.opened(start, end) == content[start:end], (start, end)


def test_no_more_than_the_frames_of_a_part_is_read() -> None:
    stored = Stored(os.urandom(8 * FRAME_BYTES))
    stored.opened(5 * FRAME_BYTES + 10, 5 * FRAME_BYTES + 20)
    assert stored.was_read == 40 + FRAME_BYTES + 28


def test_a_cut_or_changed_object_is_told() -> None:
    stored = Stored(os.urandom(2 * FRAME_BYTES))
    with pytest.raises(SealedObjectError):  # as if the first frame were all
        stored.opened(0, 10, sealed_object_bytes(FRAME_BYTES))
    stored.sealed = stored.sealed[:100] + bytes([stored.sealed[100] ^ 1]) + stored.sealed[101:]
    with pytest.raises(SealedObjectError):
        stored.opened(0, 10)
    assert len(stored.opened(FRAME_BYTES, FRAME_BYTES + 10)) == 10
