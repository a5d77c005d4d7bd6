"""A file's content for parsers: bytes in memory, or an open file of any size that is read where it is looked at."""

import io
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol, overload

_WINDOW = 1 << 16  # bytes that are read at once: parsers look at neighbouring places
_NEAR = 256  # bytes that are searched first
_NOT_ZERO = re.compile(rb"[^\0]")


class FileContent:
    """A range of an open file, with the methods of `bytes` that parsers need. Not thread-safe.

    Args:
        descriptor: The open file; its position is neither used nor changed.
        start: Offset of the first byte.
        end: Offset of the byte after the last one; the file's end if omitted.
        on_read: Called with the number of bytes after each read, also by ranges of this one.
    """

    def __init__(
        self,
        descriptor: int,
        start: int = 0,
        end: int | None = None,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._descriptor = descriptor
        self._start = start
        self._end = max(os.fstat(descriptor).st_size if end is None else end, start)
        self._on_read = on_read
        self._window_at, self._window = 0, b""

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...

    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, slice):
            start, end, step = key.indices(len(self))
            return self._read(start, end)[::step]
        if not 0 <= key < len(self):
            raise IndexError(f"there is no byte {key} of {len(self)}")
        return self._read(key, key + 1)[0]

    def part(self, start: int, end: int) -> "FileContent":
        """A range of this range."""
        return FileContent(self._descriptor, self._start + start, self._start + end, self._on_read)

    def startswith(self, prefix: bytes | tuple[bytes, ...], start: int = 0) -> bool:
        """See `bytes`."""
        longest = max(map(len, prefix)) if isinstance(prefix, tuple) else len(prefix)
        return self[start : start + longest].startswith(prefix)

    def find(self, sought: bytes, start: int = 0, end: int | None = None) -> int:
        """See `bytes`."""
        start, end, _ = slice(start, end).indices(len(self))
        step = _NEAR  # it is mostly there
        while start < end:
            found = self[start : min(start + step + len(sought) - 1, end)].find(sought)
            if found >= 0:
                return start + found
            start, step = start + step, _WINDOW
        return -1

    def rfind(self, sought: bytes, start: int = 0, end: int | None = None) -> int:
        """See `bytes`."""
        start, end, _ = slice(start, end).indices(len(self))
        for at in reversed(range(start, end, _WINDOW)):
            found = self[at : min(at + _WINDOW + len(sought) - 1, end)].rfind(sought)
            if found >= 0:
                return at + found
        return -1

    def count(self, sought: bytes, start: int = 0, end: int | None = None) -> int:
        """See `bytes`."""
        found, number = self.find(sought, start, end), 0
        while found >= 0:
            found, number = self.find(sought, found + len(sought), end), number + 1
        return number

    def _read(self, start: int, end: int) -> bytes:
        size = end - start
        if size <= 0:
            return b""
        if size > _WINDOW:
            return self._from_file(start, size)
        if not self._window_at <= start <= end <= self._window_at + len(self._window):
            self._window_at = start
            self._window = self._from_file(start, min(_WINDOW, len(self) - start))
        return self._window[start - self._window_at : end - self._window_at]

    def _from_file(self, start: int, size: int) -> bytes:
        """Read bytes of the range; a file that became shorter meanwhile lacks some."""
        pieces = []
        while size and (piece := os.pread(self._descriptor, size, self._start + start)):
            pieces.append(piece)
            self._on_read(len(piece))
            start, size = start + len(piece), size - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Readable(Protocol):
    """Bytes of which ranges can be read: a `Content`, or what is made of one when it is read."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> bytes: ...


#: What parsers get.
Content = bytes | FileContent


def part(content: Content, start: int, end: int | None = None) -> Content:
    """A range of a content, which is not read if it is that of a file."""
    start, end, _ = slice(start, end).indices(len(content))
    if isinstance(content, FileContent):
        return content.part(start, end)
    return content if (start, end) == (0, len(content)) else content[start:end]


def first_not_zero(content: Content, start: int = 0) -> int | None:
    """Offset of the first byte from here on that is not zero; None if there is none."""
    if isinstance(content, bytes):
        found = _NOT_ZERO.search(content, start)
        return None if found is None else found.start()
    for at in range(start, len(content), _WINDOW):
        found = _NOT_ZERO.search(content[at : at + _WINDOW])
        if found is not None:
            return at + found.start()
    return None


def end_without_zeros(content: Content) -> int:
    """Offset of the byte after the last one that is not zero."""
    if isinstance(content, bytes):
        return len(content.rstrip(b"\0"))
    for end in range(len(content), 0, -_WINDOW):
        start = max(end - _WINDOW, 0)
        kept = len(content[start:end].rstrip(b"\0"))
        if kept:
            return start + kept
    return 0


def pieces_of(content: Readable, size: int = 1 << 20) -> Iterator[bytes]:
    """The bytes of a content, some at a time."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


class Spliced(io.RawIOBase):
    """Several contents, one behind the other, as a file that can be read.

    Args:
        parts: The contents.
    """

    def __init__(self, *parts: Readable) -> None:
        self._parts: Sequence[Readable] = [each for each in parts if len(each)]
        self._starts = list(accumulate(map(len, self._parts), initial=0))
        self._at = 0
        self._number = 0

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See `io.RawIOBase`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(base + offset, 0)
        self._number = max(bisect_right(self._starts, self._at) - 1, 0)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the type of writable buffers is newer
        """See `io.RawIOBase`; fills the buffer, unless the file ends before."""
        target, done = memoryview(buffer).cast("B"), 0
        while done < len(target) and self._at < self._starts[-1]:
            while self._at >= self._starts[self._number + 1]:
                self._number += 1
            begin = self._at - self._starts[self._number]
            data = self._parts[self._number][begin : begin + len(target) - done]
            if not data:
                break
            target[done : done + len(data)] = data
            done, self._at = done + len(data), self._at + len(data)
        return done
