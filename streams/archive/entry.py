"""The entry of a result in the archive: all that its record said, as JSON, beside its file. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from schemas import CompressedAudio, Position, Record, Rejection
from schemas import headers as h
from schemas.json_text import JsonTextError, read_json
from schemas.media_type import file_suffix
from schemas.record import Headers
from streams.archive.names import ENTRY_SUFFIX, CallDay, day_of, stem
from streams.clients.manifests import segment_data
from streams.clients.results import in_clear
from streams.clients.track_parts import Segment
from streams.security.sealing.sealed_record import is_sealed

#: Largest entry in bytes: the headers of a result have a megabyte at most, and JSON escapes some of their bytes.
LARGEST = 8 * 2**20
#: Headers are bytes; those of other programs need not be UTF-8, and are the same after reading all the same.
_TEXT = "surrogateescape"


@dataclass(frozen=True, slots=True)
class Entry:
    """A result in the archive.

    Attributes:
        segment: The result as a segment of its call. Its file is empty here.
        headers: The headers of its record.
        size: Bytes of its file.
        reference: Where the file lies if the record named it; None if it lies beside the entry.
    """

    segment: Segment
    headers: Headers
    size: int
    reference: str | None

    @classmethod
    def of(cls, segment: Segment, record: Record) -> Self:
        """The entry of a record of ``audio.compressed``.

        Args:
            segment: The record as a segment.
            record: The record.
        """
        result = segment.result
        kept = replace(segment, result=replace(result, audio=b""))
        return cls(kept, record.headers, result.compressed_bytes, result.data_ref)

    def record(self, value: bytes) -> Record:
        """The result's record as it was in its topic.

        Args:
            value: The file beside the entry; empty where the record named another one.
        """
        return Record(self.segment.result.call_id.encode(), value, self.headers, self.segment.appended_ms)

    @property
    def sealed(self) -> bool:
        """Whether the record is sealed, and with it the file beside the entry."""
        return is_sealed(self.record(b""))

    @property
    def call_day(self) -> CallDay:
        """The call and the day of the result."""
        result = self.segment.result
        return CallDay(result.hotel_id, day_of(self.segment.appended_ms), result.call_id)

    @property
    def stem(self) -> str:
        """The name of its objects in the directory of its call, without a suffix."""
        return stem(self.segment.position, self.segment.result.id)

    @property
    def name(self) -> str:
        """The name of the entry in the directory of its call."""
        return f"{self.stem}{ENTRY_SUFFIX}"

    @property
    def file(self) -> str | None:
        """The name of the result's file in that directory; None if it lies elsewhere."""
        suffix = "sealed" if self.sealed else file_suffix(self.segment.result.content_type)
        return None if self.reference else f"{self.stem}.{suffix}"

    def to_json(self) -> bytes:
        """Write the entry: the same bytes whenever, and wherever, the same record is archived."""
        result = self.segment.result
        content: dict[str, Any] = {
            "hotel": result.hotel_id,
            "call": result.call_id,
            "channel": result.channel,
            "stream": result.stream_id,
            **segment_data(self.segment),
            "topic": self.segment.position.topic,
            "file": self.file,
            "reference": self.reference,
            "bytes": self.size,
            "headers": [[name, None if value is None else value.decode(errors=_TEXT)] for name, value in self.headers],
        }
        return f"{json.dumps(content, indent=1)}\n".encode()

    @classmethod
    def from_json(cls, text: bytes, beside: str) -> "Entry | Rejection":
        """Read an entry.

        Args:
            text: What `to_json` has written.
            beside: URI of the directory that it lies in, with a slash at the end.

        Returns:
            The entry, whose segment names the place of its file; or a `Rejection` where it is none.
        """
        try:
            content = read_json(text)
            headers = _headers(content["headers"])
            at = Position(content["topic"], int(content["partition"]), int(content["offset"]))
            appended = datetime.fromisoformat(content["appended"])
            size = int(content["bytes"])
            problem = None if content["sha256Matches"] is True else f"is not the file that {h.SHA256} describes"
            file, reference, call_id = content["file"], content["reference"], str(content["call"])
        except JsonTextError as error:
            return _damaged(str(error))
        except (KeyError, TypeError, ValueError) as error:
            return _damaged(f"{type(error).__name__}: {error}")
        by_reference = _by_reference(headers, reference or f"{beside}{file}", size)
        result = CompressedAudio.from_record(in_clear(Record(call_id.encode(), b"", by_reference)))
        if isinstance(result, Rejection):
            return _damaged(result.message)
        milliseconds = round(appended.astimezone(UTC).timestamp() * 1000)
        return cls(Segment(result, at, milliseconds, result.sha256, problem), headers, size, reference)


def _by_reference(headers: Headers, reference: str, size: int) -> Headers:
    """The headers of a record that names its file instead of having it."""
    kept = tuple(one for one in headers if one[0] not in {h.DATA_REF, h.DATA_BYTES})
    return *kept, (h.DATA_REF, reference.encode()), (h.DATA_BYTES, str(size).encode())


def _headers(listed: Sequence[Sequence[str | None]]) -> Headers:
    return tuple((str(name), None if value is None else value.encode(errors=_TEXT)) for name, value in listed)


def _damaged(why: str) -> Rejection:
    return Rejection("fetch", "ObjectChanged", "value", f"is no entry of the archive: {why}")
