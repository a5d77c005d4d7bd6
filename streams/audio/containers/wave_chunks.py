"""Finds format and audio data in WAV files and their 64-bit relatives, as a player would, also where sizes are wrong.

Recorders write the sizes last, or never: those that write to a pipe, or that were ended, leave them open. Others
calculate them wrongly. Where a size is open or contradicts the file, the data extend to the end of the file, and the
result says what was wrong. Only a file whose sizes agree with each other on more bytes than came was cut short on its
way, and is refused. Nothing is allocated by a claimed size.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991); EBU Tech 3306 (RF64),
ITU-R BS.2088 (BW64); Sony Pictures Digital, Wave64.
"""

import struct
from dataclasses import dataclass, field

from schemas.rejection import Rejection
from streams.audio.containers import id3
from streams.audio.containers.content import Content, FileContent, first_not_zero, part
from streams.audio.containers.trailing_tags import end_of_audio
from streams.audio.limits import rejected

#: From this size on, a size is a placeholder: 0x7FFFF000 (SoX), 0x7FFFFFFF, 0x80000000 (arecord), 0xFFFFFFFF (FFmpeg).
_PLACEHOLDER = 0x7FFF0000
_IN_64_BITS = 0xFFFFFFFF  # the size of an RF64 file is in its ds64 chunk
_RIFF_TYPES = (b"RIFF", b"RF64", b"BW64")
_WAVE64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")  # GUID of the outer chunk
_WAVE64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")
_SIZE_SLIP = 8  # bytes that an outer size is too large if it is the size of the file, a common mistake
_SHORTEST, _LONGEST = 16, 64  # bytes of a chunk that are looked at, also if its size is less or more
_ANCHORS = (b"data", b"fmt ", b"fact", b"LIST")  # chunks that show where an unpadded chunk ends


@dataclass(slots=True)
class WaveFile:
    """The parts of a WAV file that its audio needs.

    Attributes:
        form: Body of the fmt chunk; empty if there is none before the data.
        data: The audio data, which may end within a sample frame.
        fact: Body of the fact chunk; empty if there is none.
        is_plain: Whether it is a RIFF file whose header starts with the first byte.
        repairs: What is wrong with its sizes, as kinds of `schemas.repairs`.
    """

    form: bytes = b""
    data: memoryview | FileContent = field(default_factory=lambda: memoryview(b""))
    fact: bytes = b""
    is_plain: bool = True
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file writes chunks: bytes of a chunk's header, their alignment, and where the first one begins."""

    header: int
    align: int
    first: int


_RIFF_LAYOUT = _Layout(8, 2, 12)
_WAVE64_LAYOUT = _Layout(24, 8, 40)


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    body: int
    size: int

    @property
    def end(self) -> int:
        return self.body + self.size


def is_wave(audio: Content, at: int = 0) -> bool:
    """Whether a WAV, RF64, BW64 or Wave64 file begins at an offset."""
    riff = audio[at : at + 4] in _RIFF_TYPES and audio[at + 8 : at + 12] == b"WAVE"
    return riff or (audio[at : at + 16] == _WAVE64 and audio[at + 24 : at + 40] == _WAVE64_WAVE)


def find(audio: Content) -> WaveFile | Rejection:
    """Find the parts of a file for which `is_wave` is true, after ID3v2 tags at its beginning."""
    start = id3.start_of_file(audio)
    found = _Parts(part(audio, start)).read()
    if isinstance(found, Rejection) or not start:
        return found
    found.is_plain, found.repairs = False, ("leading-tag", *found.repairs)
    return found


class _Parts:
    """Reads one file, chunk by chunk."""

    def __init__(self, audio: Content) -> None:
        self._audio = audio
        is_wave64 = audio[:4] == _WAVE64[:4]
        self._layout = _WAVE64_LAYOUT if is_wave64 else _RIFF_LAYOUT
        claimed: int = struct.unpack("<Q", audio[16:24])[0] if is_wave64 else struct.unpack("<I", audio[4:8])[0] + 8
        self._outer = claimed  # offset at which the file ends, as it says itself
        self._outer_is_open = _is_open(claimed if is_wave64 else claimed - 8)
        self._data_size: int | None = None  # from a ds64 chunk
        self._found = WaveFile(is_plain=audio[:4] == b"RIFF")
        self._repairs: set[str] = set()

    def read(self) -> WaveFile | Rejection:
        at = self._layout.first
        while (chunk := self._chunk(at)) is not None:
            if chunk.name == b"data":
                problem = self._take_data(chunk)
                self._found.repairs = tuple(sorted(self._repairs))
                return problem or self._found
            self._take(chunk)
            following = self._after(chunk)
            if following is None:
                came = len(self._audio) - chunk.body
                return rejected("TruncatedAudio", f"{_said(chunk, came)}; send the whole file")
            at = following
        return rejected("TruncatedAudio", "the WAV file ends before its data chunk")

    def _chunk(self, at: int) -> _Chunk | None:
        layout = self._layout
        if at + layout.header > len(self._audio):
            return None
        name = self._audio[at : at + 4]
        if layout is _RIFF_LAYOUT:
            return _Chunk(name, at + layout.header, struct.unpack("<I", self._audio[at + 4 : at + 8])[0])
        size: int = struct.unpack("<Q", self._audio[at + 16 : at + 24])[0]
        return _Chunk(name, at + layout.header, max(size - layout.header, 0))

    def _take(self, chunk: _Chunk) -> None:
        size = min(max(chunk.size, _SHORTEST), _LONGEST)
        body = self._audio[chunk.body : chunk.body + size]
        if chunk.name == b"fmt ":
            self._found.form = body
        elif chunk.name == b"fact":
            self._found.fact = body
        elif chunk.name == b"ds64" and len(body) >= 16:  # noqa: PLR2004 - two sizes of eight bytes
            size, self._data_size = struct.unpack_from("<QQ", body)
            if self._outer == _IN_64_BITS + 8:
                self._outer, self._outer_is_open = size + 8, _is_open(size)

    def _after(self, chunk: _Chunk) -> int | None:
        """Offset of the chunk behind another one, also if that has no padding or a wrong size; None if none follows."""
        padded, unpadded = self._padded(chunk), chunk.end
        if self._name(padded) in _ANCHORS:
            return padded
        if self._name(unpadded) in _ANCHORS:
            self._repairs.add("chunk-size")
            return unpadded
        if padded <= len(self._audio) and (not self._name(padded) or _is_name(self._name(padded))):
            return padded
        found = self._audio.find(b"data" if self._found.form else b"fmt ", chunk.body)
        if found >= 0:
            self._repairs.add("chunk-size")
        return found if found >= 0 else None

    def _padded(self, chunk: _Chunk) -> int:
        return chunk.end + -chunk.size % self._layout.align

    def _name(self, at: int) -> bytes:
        return self._audio[at : at + 4] if at + self._layout.header <= len(self._audio) else b""

    def _take_data(self, chunk: _Chunk) -> Rejection | None:
        if chunk.size == _IN_64_BITS and self._data_size is not None:
            chunk = _Chunk(chunk.name, chunk.body, self._data_size)
        end = self._end_of_data(chunk)
        if end is None:
            came = len(self._audio) - chunk.body
            return rejected("TruncatedAudio", f"{_said(chunk, came)}; send the whole file")
        audio = self._audio if isinstance(self._audio, FileContent) else memoryview(self._audio)
        self._found.data = audio.part(chunk.body, end) if isinstance(audio, FileContent) else audio[chunk.body : end]
        if end != chunk.end:
            self._repairs.add("data-size")
        length = len(self._audio)
        if self._outer_is_open or not end <= self._outer <= length + -length % self._layout.align:
            self._repairs.add("riff-size")
        if end == chunk.end and self._has_rest(chunk):
            self._repairs.add("trailing-bytes")
        return None

    def _end_of_data(self, data: _Chunk) -> int | None:
        """Offset at which the audio ends; None if the file was cut short."""
        length = len(self._audio)
        if _is_open(data.size):
            is_empty = not data.size and self._is_chunk(data.end)
            return data.end if is_empty else end_of_audio(self._audio, data.body)
        if data.end > length:
            return None if self._is_cut_short(data) else end_of_audio(self._audio, data.body)
        return data.end if self._is_followed(data) else end_of_audio(self._audio, data.body)

    def _is_cut_short(self, data: _Chunk) -> bool:
        """Whether the outer size claims more than came, too; where the sizes disagree, more than by a usual mistake."""
        lacking = self._outer - len(self._audio)
        if self._outer_is_open or (lacking == _SIZE_SLIP and data.end != self._outer):
            return False
        return lacking > (0 if data.end <= self._outer else _SIZE_SLIP)

    def _is_followed(self, data: _Chunk) -> bool:
        """Whether the file goes on with something else than audio after the data's claimed end, or ends there."""
        padded = self._padded(data)
        if self._outer_is_open or not padded < self._outer <= len(self._audio) + _SIZE_SLIP:
            return True
        return self._is_chunk(padded) or self._is_chunk(data.end)

    def _has_rest(self, data: _Chunk) -> bool:
        """Whether bytes behind the file's own end are neither chunks nor tags nor zeros, or are another file."""
        start = self._padded(data)
        if not self._outer_is_open:
            start = max(start, self._outer)
        if start >= len(self._audio):
            return False
        is_file = self._audio[start : start + 4] in _RIFF_TYPES
        rest = part(self._audio, start, end_of_audio(self._audio, data.body))
        return is_file or (first_not_zero(rest) is not None and not self._is_chunk(start))

    def _is_chunk(self, at: int) -> bool:
        chunk = self._chunk(at)
        return chunk is not None and _is_name(chunk.name) and chunk.end <= len(self._audio)


def _said(chunk: _Chunk, came: int) -> str:
    name = chunk.name.decode("ascii", "replace").strip()
    return f"the {name} chunk of the WAV file claims {chunk.size} bytes and {came} came"


def _is_open(size: int) -> bool:
    return size == 0 or size >= _PLACEHOLDER


def _is_name(name: bytes) -> bool:
    return name.isascii() and name.decode("ascii").isprintable()
