"""One stream of an OGG file, with right positions and flags; of its pages, little is kept: there may be millions."""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.containers.content import Content, Readable, part
from streams.audio.containers.ogg import ENDS, Page, page_at, sealed
from streams.audio.containers.ogg_head import Head
from streams.audio.limits import rejected

#: Bytes between two pages of which the offset is kept; the others are found from there.
PLACES_APART = 1 << 16

LACING_AT = 27
_GRANULE_AT = 6
_FLAGS_AT = 5


@dataclass(frozen=True, slots=True)
class Link:
    """One stream of a file.

    Attributes:
        head: What its first packet says.
        first: Its first page.
        last: Its last page.
        position: The highest position of its pages, as the file has it.
        offset: Position at which its first sample is, by the clock.
        places: Offsets in the file, in bytes, of its first page and of one page in each `PLACES_APART` or more bytes.
    """

    head: Head
    first: Page
    last: Page
    position: int
    offset: int
    places: "array[int]"

    @property
    def frames(self) -> int:
        """Number of sample frames, as the last position says."""
        return max(self.position - self.offset - self.head.skip, 0) * self.head.rate // self.head.clock

    @property
    def is_plain(self) -> bool:
        """Whether it ends with its flag and begins at its beginning."""
        return bool(self.last.flags & ENDS) and not self.offset

    def parts(self, audio: Content, serial: int) -> Sequence[Readable]:
        """Return the link as a file of its own, with right positions and flags, in parts.

        Args:
            audio: The file from which it was read.
            serial: Its serial number: in a chain, each link needs one of its own.
        """
        if self.is_plain and serial == self.first.serial:
            return [part(audio, self.first.start, self.last.end)]
        first = _corrected(audio, self, self.first, serial)
        return [first, _LaterPages(audio, self, serial)]


class _LaterPages:
    """The pages of a link behind its first one, corrected when they are read. Not thread-safe.

    Args:
        audio: The file from which the link was read.
        link: The link.
        serial: The right serial number.
    """

    def __init__(self, audio: Content, link: Link, serial: int) -> None:
        self._audio, self._link, self._serial = audio, link, serial
        self._start = link.first.end
        self._page, self._data = link.first, b""  # the page that was read last: most are read in succession

    def __len__(self) -> int:
        return self._link.last.end - self._start

    def __getitem__(self, key: slice) -> bytes:
        at, end, _ = key.indices(len(self))
        pieces = []
        while at < end:
            self._read(self._start + at)
            begin = self._start + at - self._page.start
            pieces.append(self._data[begin : begin + end - at])
            at += len(pieces[-1])
        return b"".join(pieces)

    def _read(self, at: int) -> None:
        """Read the page that has the byte at this offset of the file."""
        if self._page.start <= at < self._page.end and self._data:
            return
        places = self._link.places
        start = places[bisect_right(places, at) - 1]
        if start < self._page.end <= at:
            start = self._page.end
        page = page_at(self._audio, start)
        while isinstance(page, Page) and page.end <= at:
            page = page_at(self._audio, page.end)
        if isinstance(page, Rejection):
            raise TypeError(f"the file has changed since its pages were verified: {page.message}")
        self._page, self._data = page, _corrected(self._audio, self._link, page, self._serial)


def _corrected(audio: Content, link: Link, page: Page, serial: int) -> bytes:
    """A page with the right position, flags and serial number."""
    data = bytearray(audio[page.start : page.end])
    data[_FLAGS_AT] = page.flags & ~ENDS | (ENDS if page.start == link.last.start else 0)
    granule = max(page.granule - link.offset, 0) if page.granule > 0 else page.granule
    struct.pack_into("<qI", data, _GRANULE_AT, granule, serial)
    return sealed(bytes(data))


class LinkReader:
    """Checks the pages of a link, one after the other, and keeps what a `Link` needs.

    Args:
        audio: The file.
        head: What the first packet says.
        page: The first page, which begins a stream.
        offset_of: Returns the position of the first sample, from the head and the first page with audio.
    """

    def __init__(self, audio: Content, head: Head, page: Page, offset_of: Callable[[Content, Head, Page], int]) -> None:
        self._audio = audio
        self._head, self._first, self._offset_of = head, page, offset_of
        self._last = page
        self._position = self._last_position = page.granule
        self._offset: int | None = None
        self._packets_before = 0  # the first position
        self._look_for_audio(page)
        self._places = array("q", [page.start])
        self._has_others = self._lacks_page = False

    def add(self, page: Page) -> None:
        """Add the page that follows in the file."""
        begins_audio = self._look_for_audio(page)
        if not begins_audio and page.sequence != self._last.sequence + 1:
            # A live stream is joined behind its headers, at any page.
            self._lacks_page = True
        self._has_others |= page.serial != self._first.serial
        self._position = max(self._position, page.granule)
        if page.granule != -1:
            self._last_position = page.granule
        if page.start - self._places[-1] >= PLACES_APART:
            self._places.append(page.start)
        self._last = page

    def link(self) -> Link | Rejection | None:
        """The link that ends with the last page; None if it has no audio."""
        if self._has_others:
            return rejected("UnsupportedEncoding", "the OGG file has several streams at once; send one")
        if self._lacks_page:
            return rejected("CorruptAudio", "the OGG file lacks a page between its first and its last")
        if self._offset is None:
            return None
        if reason := self._lost_audio():
            return rejected("CorruptAudio", reason)
        return Link(self._head, self._first, self._last, self._position, self._offset, self._places)

    def _look_for_audio(self, page: Page) -> bool:
        """Whether the audio begins in this page, as the first with a position."""
        if self._offset is not None:
            return False
        if page.granule > 0:
            self._offset = self._offset_of(self._audio, self._head, page)
            return True
        lacing = self._audio[page.start + LACING_AT : page.body]
        self._packets_before += sum(size < 255 for size in lacing)  # noqa: PLR2004 - the packet ends
        return False

    def _lost_audio(self) -> str | None:
        """Why a decoder would leave audio out, because of positions that cannot be; None if it would not.

        Encoders may give the first packet of audio the position 0, and cut less than a second off the end.
        """
        packets = self._packets_before - self._head.head_packets
        if packets > 1:
            return f"the OGG file has {packets} packets of audio before its first position"
        back = self._position - self._last_position
        if back > self._head.clock:
            return f"the last position of the OGG file is {back / self._head.clock:.0f} s before an earlier one"
        return None
