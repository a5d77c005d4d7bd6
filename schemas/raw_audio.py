"""The input event: one segment of a call, or a whole recording, as telephony sends it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from schemas import headers as h
from schemas import structured
from schemas.media_type import MediaType
from schemas.record import Record
from schemas.rejection import Rejection

RAW_AUDIO_TYPE = "hotel.audio.raw.v1"
MAX_RAW_BYTES = 8 * 2**20

Channel = Literal["guest", "agent", "mixed", "prompt"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, slots=True)
class RawAudio:
    """One input segment of a call's audio: the audio itself, or a reference to where it lies.

    Attributes:
        id: Unique per source, at most 255 characters. A producer that sends a segment again uses the same id.
        source: The sender, as a URI-reference of at most 1024 characters.
        hotel_id: The hotel whose policy applies, at most 255 characters.
        call_id: The call, at most 255 characters. It is also the record's key, so that a call stays in order.
        media_type: Media type of the audio.
        audio: The audio, 1 byte to 8 MiB; whole sample frames if the media type is raw (see `frame_problem`). Empty
            where ``data_ref`` is given.
        time: When the audio began, with time zone; None if unknown.
        channel: The speaker or line that was recorded; None if unknown.
        stream_id: Id of the media stream, at most 271 characters. It stays unique when a call id is used again. None
            means the default, see `stream`.
        sequence: Number of the segment within the stream, from 0; None if the producer does not number segments.
        lost_ms: Milliseconds of audio that were lost before sending and replaced by silence; None if unknown.
        final: Whether it is the last segment of the call.
        trace_parent: The trace context of CloudEvents' extension for distributed tracing; copied to the result
            unchanged.
        trace_state: As `trace_parent`.
        data_ref: URI of the object that has the audio, at most 2048 characters; None where ``audio`` has it.
        data_sha256: SHA-256 of that object, in hex: an object that has changed since is refused. None if unknown.
        guest_ref: Whose call it is, so that all calls of a guest can be erased: an opaque reference that the hotel
            chooses, at most 128 letters, digits and ``. _ : ~ = -``, never a name; None if unknown. Results do not have
            it.
    """

    id: str
    source: str
    hotel_id: str
    call_id: str
    media_type: MediaType
    audio: bytes
    time: datetime | None = None
    channel: Channel | None = None
    stream_id: str | None = None
    sequence: int | None = None
    lost_ms: int | None = None
    final: bool = False
    trace_parent: str | None = None
    trace_state: str | None = None
    data_ref: str | None = None
    data_sha256: str | None = None
    guest_ref: str | None = None

    @property
    def stream(self) -> str:
        """Id of the media stream: the sender's `stream_id`, or else call id and channel."""
        # The default always has a suffix, so that no call id can equal the default of another call.
        return self.stream_id if self.stream_id is not None else f"{self.call_id}:{self.channel or 'any'}"

    def to_record(self) -> Record:
        """Write the event for the topic ``audio.raw`` or ``audio.recordings``.

        Returns:
            The record, without a timestamp: the broker sets it.

        Raises:
            ValueError: If ``time`` has no time zone.
        """
        pairs = {
            h.SPEC_VERSION: "1.0",
            h.ID: self.id,
            h.SOURCE: self.source,
            h.TYPE: RAW_AUDIO_TYPE,
            h.TIME: h.time_text(self.time),
            h.CONTENT_TYPE: str(self.media_type),
            h.DATA_REF: self.data_ref,
            h.SHA256: self.data_sha256,
            h.HOTEL_ID: self.hotel_id,
            h.CALL_ID: self.call_id,
            h.CHANNEL: self.channel,
            h.STREAM_ID: self.stream_id,
            h.SEQUENCE: self.sequence,
            h.LOST_MS: self.lost_ms,
            h.FINAL: h.flag_text(self.final),
            h.GUEST_REF: self.guest_ref,
            h.TRACE_PARENT: self.trace_parent,
            h.TRACE_STATE: self.trace_state,
        }
        return Record(self.call_id.encode(), self.audio, h.encoded(pairs))

    @classmethod
    def from_record(cls, record: Record, *, max_bytes: int = MAX_RAW_BYTES) -> "RawAudio | Rejection":
        """Read a record of the topic ``audio.raw`` or ``audio.recordings``, in binary or structured mode.

        Attributes that the contract does not define are ignored.

        Args:
            record: Any record of the topic.
            max_bytes: Largest accepted size of the audio in the record, in bytes. What lies elsewhere is not looked at.

        Returns:
            The event, or a `Rejection`. Its field is what the sender has to change: a header, ``key`` or ``value``, or
            in structured mode a member of the JSON object.
        """
        reader = h.HeaderReader(record.headers)
        if reader.is_structured:
            return _from_structured(reader, record, max_bytes)
        if not reader.has(h.SPEC_VERSION) and (problem := structured.unlabelled(record.value or b"")):
            return problem
        return _from_binary(reader, record, max_bytes, h.CALL_ID)


def hotel_of(record: Record) -> str | None:
    """Return the hotel id of a record of the topic ``audio.raw``, even if other parts of it are invalid, or None."""
    reader = _reader_of(record, h.HOTEL_ID, "hotelid")
    hotel = reader.text(h.HOTEL_ID, h.MAX_ID)
    return None if reader.problem else hotel


def guest_of(record: Record) -> str | None:
    """Return whose call it is, as `hotel_of`; None if the record does not say it."""
    reader = _reader_of(record, h.GUEST_REF, "guestref")
    guest = reader.guest_ref()
    return None if reader.problem else guest


def _reader_of(record: Record, header: str, member: str) -> h.HeaderReader:
    """What reads one attribute of a record in binary or structured mode."""
    reader = h.HeaderReader(record.headers)
    if not reader.is_structured:
        return reader
    texts = structured.read_members(record, reader.text(h.CONTENT_TYPE), len(record.value or b""))
    text = None if isinstance(texts, Rejection) else texts.get(member)
    return h.HeaderReader(() if text is None else ((header, text.encode(errors="surrogatepass")),))


def has_reference(record: Record) -> bool:
    """Whether an input names an object instead of bringing its audio, even if other parts of it are invalid."""
    reader = h.HeaderReader(record.headers)
    if not reader.is_structured:
        return reader.has(h.DATA_REF)
    return structured.names_reference(record, reader.text(h.CONTENT_TYPE))


def in_senders_terms(record: Record, rejection: Rejection) -> Rejection:
    """Translate a rejection's field into the name that the sender used.

    In structured mode, the audio and its media type are members of the JSON object, not value and header.

    Args:
        record: A record that was read as an event.
        rejection: The reason why the event's audio could not be decoded or compressed.
    """
    return structured.of_member(rejection) if h.HeaderReader(record.headers).is_structured else rejection


def _from_structured(reader: h.HeaderReader, record: Record, max_bytes: int) -> RawAudio | Rejection:
    content_type = reader.text(h.CONTENT_TYPE)
    if reader.problem is not None:
        return reader.problem
    binary = structured.as_binary(record, content_type, max_bytes)
    if isinstance(binary, Rejection):
        return binary
    event = _from_binary(h.HeaderReader(binary.headers), binary, max_bytes, "callid")
    return structured.of_member(event) if isinstance(event, Rejection) else event


def _from_binary(reader: h.HeaderReader, record: Record, max_bytes: int, call_id: str) -> RawAudio | Rejection:
    """Read an event whose attributes are headers; ``call_id`` is the name that the sender uses for the call id."""
    reader.exactly(h.SPEC_VERSION, "1.0")
    reader.exactly(h.TYPE, RAW_AUDIO_TYPE)
    event = _read(reader, record.value or b"")
    if reader.problem is not None:
        return reader.problem
    if isinstance(event, Rejection):
        return event
    return key_problem(record.key, event.call_id, call_id) or _value_problem(event, max_bytes) or event


def _read(reader: h.HeaderReader, value: bytes) -> RawAudio | Rejection:
    """Read every attribute. The event is valid only if the reader has no problem afterwards."""
    media_type = MediaType.parse(reader.text(h.CONTENT_TYPE))
    if isinstance(media_type, Rejection):
        return media_type
    channel = reader.one_of(h.CHANNEL, CHANNELS) if reader.has(h.CHANNEL) else None
    return RawAudio(
        id=reader.text(h.ID, h.MAX_ID),
        source=reader.uri_reference(h.SOURCE),
        hotel_id=reader.text(h.HOTEL_ID, h.MAX_ID),
        call_id=reader.text(h.CALL_ID, h.MAX_ID),
        media_type=media_type,
        audio=value,
        time=reader.optional_time(h.TIME),
        channel=cast("Channel | None", channel),
        stream_id=reader.optional_text(h.STREAM_ID, h.MAX_STREAM_ID),
        sequence=reader.optional_integer(h.SEQUENCE),
        lost_ms=reader.optional_integer(h.LOST_MS),
        final=reader.flag(h.FINAL),
        trace_parent=reader.passed_on(h.TRACE_PARENT),
        trace_state=reader.passed_on(h.TRACE_STATE),
        data_ref=reader.data_ref(),
        data_sha256=reader.digest(h.SHA256) if reader.has(h.DATA_REF) and reader.has(h.SHA256) else None,
        guest_ref=reader.guest_ref(),
    )


def key_problem(key: bytes | None, call_id: str, name: str = h.CALL_ID) -> Rejection | None:
    """Check the rule that both events share: the key equals the call id, which the sender calls ``name``."""
    if key is None:
        return Rejection("contract", "MissingKey", "key", f"is missing and must equal {name}, in UTF-8")
    if key != call_id.encode():
        return Rejection("contract", "WrongKey", "key", f"differs from {name} and must equal it, in UTF-8")
    return None


def value_beside_reference(value: bytes) -> Rejection | None:
    """Check the rule that both events share: one with a reference has no value."""
    if not value:
        return None
    reason = f"comes with a value of {len(value)} bytes; send either the audio, or a reference and an empty value"
    return Rejection("contract", "ValueAndReference", h.DATA_REF, reason)


def frame_problem(event: RawAudio, size: int | None = None) -> Rejection | None:
    """Check the rule for raw audio: its size is a whole number of sample frames.

    Senders must follow it. Readers cannot check it by the media type alone, because the media type may be wrong: G.711
    of an odd length that is labelled as linear is complete. So `RawAudio.from_record` does not check it; the decoder
    does.

    Args:
        event: The event.
        size: Size of the audio in bytes, where it lies elsewhere.
    """
    size, frame = len(event.audio) if size is None else size, event.media_type.frame_bytes
    if frame is None or size % frame == 0:
        return None
    reason = f"has {size} bytes, not a whole number of {frame}-byte sample frames of {event.media_type}"
    return Rejection("contract", "PartialFrame", "value", reason)


def _value_problem(event: RawAudio, max_bytes: int) -> Rejection | None:
    if event.data_ref is not None:
        return value_beside_reference(event.audio)
    size = len(event.audio)
    if not size:
        reason = "is empty; send at least one sample of audio, or a reference to where it lies"
        return Rejection("contract", "EmptyValue", "value", reason)
    if size > max_bytes:
        reason = f"has {size} bytes and may have {max_bytes}; send shorter segments, or a reference to it"
        return Rejection("contract", "ValueTooLarge", "value", reason)
    return None
