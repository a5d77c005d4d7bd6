"""What the HTTP API answers, as dictionaries with the names of its document (``/openapi.json``)."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypedDict

State = Literal["queued", "done", "dead", "expired", "erased"]


class Original(TypedDict):
    """The audio as it was sent."""

    bytes: int
    contentType: str | None
    sha256: str | None
    receivedAt: str
    url: str


class Result(TypedDict):
    """The small file."""

    bytes: int
    contentType: str
    sha256: str
    finishedAt: str
    level: int
    codec: str
    reason: str | None
    quality: float
    durationMs: int
    sampleRate: int
    channels: int
    originalBytes: int
    url: str


class Refusal(TypedDict):
    """Why a recording was refused."""

    stage: str
    code: str
    field: str
    reason: str
    refusedAt: str


class Recording(TypedDict):
    """A recording, or a segment of a call, and what became of it."""

    id: str
    state: State
    hotel: str | None
    call: str | None
    channel: str | None
    sequence: int | None
    final: bool
    time: str
    original: Original | None
    result: Result | None
    refusal: Refusal | None


class Gap(TypedDict):
    """Numbers of missing segments of a channel."""

    channel: str | None
    first: int
    last: int


class Call(TypedDict):
    """A call: its segments in order, and what is missing."""

    id: str
    hotel: str | None
    channels: list[str]
    segmentCount: int
    segments: list[Recording]
    cursor: str | None
    gaps: list[Gap]
    final: bool
    complete: bool


class Estimate(TypedDict):
    """What compression would make of a file."""

    originalBytes: int
    bytes: int
    contentType: str
    level: int
    codec: str
    reason: str
    quality: float
    durationMs: int


class ReplayItem(TypedDict):
    """What became of one dead letter."""

    id: str
    outcome: Literal["replayed", "before", "blocked", "held"]
    reason: str | None


class Replay(TypedDict):
    """What was sent again, and what was not."""

    replayed: int
    before: int
    blocked: int
    held: int
    dryRun: bool
    items: list[ReplayItem]


class Erasure(TypedDict):
    """What was erased."""

    request: str
    hotel: str
    call: str
    keys: int
    epoch: int
    inClear: int


class Event(NamedTuple):
    """A server-sent event.

    Attributes:
        id: To go on after it.
        name: Its kind, such as ``flow``.
        data: Its content.
    """

    id: str
    name: str
    data: dict[str, Any]


#: A policy, by `schemas/policy.schema.json`.
Policy = Mapping[str, Any]
