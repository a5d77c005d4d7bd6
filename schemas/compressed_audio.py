"""The output event of the topic ``audio.compressed``: one segment as a self-contained, playable file."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from schemas import headers as h
from schemas.raw_audio import CHANNELS, Channel, key_problem, value_beside_reference
from schemas.record import Position, Record
from schemas.rejection import Rejection

COMPRESSED_AUDIO_TYPE = "hotel.audio.compressed.v1"
LEVELS = range(1, 6)

Cache = Literal["hit", "miss"]


def derive_id(source: str, event_id: str, profile: str) -> str:
    """Derive the id of the output made from one input: the same on every machine and at every attempt.

    Args:
        source: The input's source.
        event_id: The input's id.
        profile: The encoding profile that made the output.

    Returns:
        A SHA-256 digest in hex.
    """
    digest = hashlib.sha256()
    for part in (source, event_id, profile):
        # Without the lengths, ("a", "bc") and ("ab", "c") would have the same digest.
        digest.update(len(part.encode()).to_bytes(8) + part.encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class CompressedAudio:
    """A compressed segment of a call, ready for any player: the file, or a reference to where it lies.

    Attributes:
        id: Deterministic, see `derive_id`.
        source: The compressor, as a URI-reference.
        time: The input's time, when the audio began; None if the input has none.
        content_type: Media type of the file, such as ``audio/ogg;codecs=opus``.
        hotel_id: The input's hotel.
        call_id: The input's call, also the record's key.
        channel: The input's channel.
        stream_id: The input's media stream, or its default; never absent.
        sequence: The input's number within the stream.
        lost_ms: The input's lost milliseconds.
        final: Whether it is the last segment of the call.
        causation_id: The input's id.
        level: Compression level, 1 (lossless, fastest) to 5 (smallest intelligible).
        codec: The codec of the file, such as ``opus``.
        original_bytes: Size of the input's audio in bytes, as sent.
        duration_ms: Length of the audio in milliseconds.
        sample_rate: Sampling rate of the decoded input, in Hz.
        audio_channels: Number of channels of the decoded input.
        quality: Predicted mean opinion score, 0 to 5; 5.0 when lossless. The header has two decimals.
        cache: Whether the file was found in the cache.
        pcm_sha256: SHA-256 of the decoded input as little-endian 16-bit samples, in hex.
        encoder: Name and version of the encoder.
        position: The input's topic, partition and offset.
        audio: The file; empty where ``data_ref`` is given.
        corrected_type: True media type of the input, where its label was wrong; else None.
        repaired: What was wrong with the input file, which was decoded all the same, as kinds of
            `schemas.repairs`, such as ``riff-size, data-size``; else None.
        reason: Why this level and codec were chosen, such as ``policy ceiling 3``; None from earlier releases.
        trace_parent: The input's, unchanged.
        trace_state: The input's, unchanged.
        data_ref: URI of the object that has the file; None where ``audio`` has it.
        data_sha256: SHA-256 of that object, in hex.
        data_bytes: Size of that object in bytes.
        causation_source: The input's source; None from earlier releases.
        archive: Whether the hotel's policy kept results in the archive when this one was made.
    """

    id: str
    source: str
    time: datetime | None
    content_type: str
    hotel_id: str
    call_id: str
    channel: Channel | None
    stream_id: str
    sequence: int | None
    lost_ms: int | None
    final: bool
    causation_id: str
    level: int
    codec: str
    original_bytes: int
    duration_ms: int
    sample_rate: int
    audio_channels: int
    quality: float
    cache: Cache
    pcm_sha256: str
    encoder: str
    position: Position
    audio: bytes
    corrected_type: str | None = None
    repaired: str | None = None
    reason: str | None = None
    trace_parent: str | None = None
    trace_state: str | None = None
    data_ref: str | None = None
    data_sha256: str | None = None
    data_bytes: int | None = None
    archive: bool = False
    causation_source: str | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of the file, in hex."""
        return self.data_sha256 or hashlib.sha256(self.audio).hexdigest()

    @property
    def compressed_bytes(self) -> int:
        """Size of the file in bytes."""
        return len(self.audio) if self.data_bytes is None else self.data_bytes

    def to_record(self) -> Record:
        """Write the event for the topic ``audio.compressed``.

        Returns:
            The record, without a timestamp.

        Raises:
            ValueError: If ``time`` has no time zone.
        """
        return Record(self.call_id.encode(), self.audio, h.encoded(self._event_headers() | self._file_headers()))

    def _event_headers(self) -> dict[str, str | int | None]:
        return {
            h.SPEC_VERSION: "1.0",
            h.ID: self.id,
            h.SOURCE: self.source,
            h.TYPE: COMPRESSED_AUDIO_TYPE,
            h.TIME: h.time_text(self.time),
            h.CONTENT_TYPE: self.content_type,
            h.DATA_REF: self.data_ref,
            h.DATA_BYTES: self.data_bytes,
            h.HOTEL_ID: self.hotel_id,
            h.CALL_ID: self.call_id,
            h.CHANNEL: self.channel,
            h.STREAM_ID: self.stream_id,
            h.SEQUENCE: self.sequence,
            h.LOST_MS: self.lost_ms,
            h.FINAL: h.flag_text(self.final),
            h.CAUSATION_ID: self.causation_id,
            h.CAUSATION_SOURCE: self.causation_source,
            h.TRACE_PARENT: self.trace_parent,
            h.TRACE_STATE: self.trace_state,
        }

    def _file_headers(self) -> dict[str, str | int | None]:
        return {
            h.LEVEL: self.level,
            h.CODEC: self.codec,
            h.ORIGINAL_BYTES: self.original_bytes,
            h.DURATION_MS: self.duration_ms,
            h.SAMPLE_RATE: self.sample_rate,
            h.AUDIO_CHANNELS: self.audio_channels,
            h.QUALITY: h.number_text(self.quality),
            h.CACHE: self.cache,
            h.PCM_SHA256: self.pcm_sha256,
            h.SHA256: self.sha256,
            h.ENCODER: self.encoder,
            h.CORRECTED_TYPE: self.corrected_type,
            h.REPAIRED: self.repaired,
            h.REASON: self.reason,
            h.ARCHIVE: h.flag_text(self.archive),
            h.SOURCE_TOPIC: self.position.topic,
            h.SOURCE_PARTITION: self.position.partition,
            h.SOURCE_OFFSET: self.position.offset,
        }

    @classmethod
    def from_record(cls, record: Record) -> "CompressedAudio | Rejection":
        """Read a record of the topic ``audio.compressed``; headers that the contract does not define are ignored.

        Returns:
            The event, or a `Rejection`, such as ``DigestMismatch`` if the file has changed since it was sent.
        """
        reader = h.HeaderReader(record.headers)
        reader.exactly(h.SPEC_VERSION, "1.0")
        reader.exactly(h.TYPE, COMPRESSED_AUDIO_TYPE)
        value = record.value or b""
        by_reference = reader.has(h.DATA_REF)
        if not value and not by_reference:
            reader.refuse("EmptyValue", "value", "is empty and must be a file, or come with a reference to one")
        event = _read(reader, value)
        if not by_reference and event.sha256 != reader.digest(h.SHA256):
            reader.refuse("DigestMismatch", "value", f"is not the file that {h.SHA256} describes")
        both = value_beside_reference(value) if by_reference else None
        return reader.problem or both or key_problem(record.key, event.call_id) or event


def _read(reader: h.HeaderReader, value: bytes) -> CompressedAudio:
    """Read every attribute. The event is valid only if the reader has no problem afterwards."""
    channel = reader.one_of(h.CHANNEL, CHANNELS) if reader.has(h.CHANNEL) else None
    by_reference = reader.has(h.DATA_REF)
    return CompressedAudio(
        id=reader.text(h.ID, h.MAX_ID),
        source=reader.uri_reference(h.SOURCE),
        time=reader.optional_time(h.TIME),
        content_type=reader.text(h.CONTENT_TYPE),
        hotel_id=reader.text(h.HOTEL_ID, h.MAX_ID),
        call_id=reader.text(h.CALL_ID, h.MAX_ID),
        channel=cast("Channel | None", channel),
        stream_id=reader.text(h.STREAM_ID, h.MAX_STREAM_ID),
        sequence=reader.optional_integer(h.SEQUENCE),
        lost_ms=reader.optional_integer(h.LOST_MS),
        final=reader.flag(h.FINAL),
        causation_id=reader.text(h.CAUSATION_ID, h.MAX_ID),
        level=reader.integer(h.LEVEL, LEVELS[0], LEVELS[-1]),
        codec=reader.text(h.CODEC),
        original_bytes=reader.integer(h.ORIGINAL_BYTES, high=h.MAX_OFFSET),
        duration_ms=reader.integer(h.DURATION_MS),
        sample_rate=reader.integer(h.SAMPLE_RATE),
        audio_channels=reader.integer(h.AUDIO_CHANNELS),
        quality=reader.number(h.QUALITY, 0.0, 5.0),
        cache=cast("Cache", reader.one_of(h.CACHE, ("hit", "miss"))),
        pcm_sha256=reader.digest(h.PCM_SHA256),
        encoder=reader.text(h.ENCODER),
        position=_position(reader),
        audio=value,
        corrected_type=reader.optional_text(h.CORRECTED_TYPE),
        repaired=reader.optional_text(h.REPAIRED),
        reason=reader.optional_text(h.REASON),
        trace_parent=reader.passed_on(h.TRACE_PARENT),
        trace_state=reader.passed_on(h.TRACE_STATE),
        data_ref=reader.data_ref(),
        data_sha256=reader.digest(h.SHA256) if by_reference else None,
        data_bytes=reader.integer(h.DATA_BYTES, 1, h.MAX_OFFSET) if by_reference else None,
        archive=reader.flag(h.ARCHIVE),
        causation_source=reader.uri_reference(h.CAUSATION_SOURCE) if reader.has(h.CAUSATION_SOURCE) else None,
    )


def _position(reader: h.HeaderReader) -> Position:
    return Position(
        reader.text(h.SOURCE_TOPIC),
        reader.integer(h.SOURCE_PARTITION),
        reader.integer(h.SOURCE_OFFSET, high=h.MAX_OFFSET),
    )
