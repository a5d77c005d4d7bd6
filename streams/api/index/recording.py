"""One recording, or segment of a call, as the index knows it: its input, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from schemas import Position

#: ``expired`` and ``erased`` are what is left of those whose audio is not there any more.
State = Literal["queued", "done", "dead", "expired", "erased"]


@dataclass(frozen=True, slots=True)
class Original:
    """The input record.

    Attributes:
        position: Where it is.
        size: Bytes of audio in the record; 0 if it has a reference.
        sha256: Digest of that audio, or of the object if the sender gave it, in hex; None if unknown or sealed.
        content_type: As sent; None if it has none.
        appended_ms: When its broker appended it, in milliseconds since the epoch.
        latest_offset: Offset of the latest input with the same id: it may be sent again after a dead letter.
        seal_key: Id of the data key that its sender has sealed it with; None if it is in clear.
    """

    position: Position
    size: int
    sha256: str | None
    content_type: str | None
    appended_ms: int
    latest_offset: int
    seal_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The result's record, by its headers.

    Attributes:
        position: Where it is.
        size: Bytes of the file.
        sha256: Digest of the file, in hex.
        content_type: Media type of the file.
        appended_ms: When it became a record, in milliseconds since the epoch.
        level: Compression level, 1 to 5.
        codec: Codec of the file.
        reason: Why level and codec were chosen; None from earlier releases.
        quality: Predicted mean opinion score, 0 to 5.
        duration_ms: Length of the audio in milliseconds.
        sample_rate: In Hz.
        audio_channels: Number of channels.
        original_bytes: Bytes of the input's audio.
        by_reference: Whether the file is in an object store.
        seal_key: Id of the data key that the file is sealed with; None if it is in clear.
    """

    position: Position
    size: int
    sha256: str
    content_type: str
    appended_ms: int
    level: int
    codec: str
    reason: str | None
    quality: float
    duration_ms: int
    sample_rate: int
    audio_channels: int
    original_bytes: int
    by_reference: bool
    seal_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The dead letter's record, by its headers.

    Attributes:
        position: Where it is.
        appended_ms: When it became a record, in milliseconds since the epoch.
        input_offset: Offset of the input that was refused.
        stage: The step that refused it.
        code: Name of the kind of error.
        field: What the sender has to change.
        reason: The broken rule.
        seal_key: Id of the data key that it is sealed with; None if it is in clear.
    """

    position: Position
    appended_ms: int
    input_offset: int
    stage: str
    code: str
    field: str
    reason: str
    seal_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One input and what became of it.

    Attributes:
        id: Its id in URLs; see `streams.api.index.identity`.
        hotel: Whose it is; None if the input does not say.
        call: The call's id; None if the input does not say.
        channel: The speaker or line; None if unknown.
        stream: The media stream; None if the default.
        sequence: Number within the stream; None if unknown.
        final: Whether it is the call's last one.
        lost_ms: Milliseconds that are missing from it; None if unknown.
        time_ms: When the audio began, or else when it was sent, in milliseconds since the epoch.
        original: The input; None if it is not known any more.
        result: The result; None if there is none.
        refusal: The dead letter; None if there is none.
    """

    id: str
    hotel: str | None
    call: str | None
    channel: str | None
    stream: str | None
    sequence: int | None
    final: bool
    lost_ms: int | None
    time_ms: int
    original: Original | None
    result: Result | None
    refusal: Refusal | None

    @property
    def outcome(self) -> Literal["queued", "done", "dead"]:
        """What became of it. A result stays one; an input that is sent again after a dead letter is queued again."""
        if self.result is not None:
            return "done"
        if self.refusal is None:
            return "queued"
        again = self.original is not None and self.original.latest_offset > self.refusal.input_offset
        return "queued" if again else "dead"
