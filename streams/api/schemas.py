"""JSON Schemas of bodies, by their names in the document; and the representations that follow them."""

from datetime import UTC, datetime, timedelta
from typing import Any

STATES = ("queued", "done", "dead", "expired", "erased")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}
_TIME = {"type": "string", "format": "date-time"}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_OR_NULL = {"type": "null"}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or null."""
    return {"anyOf": [schema, _OR_NULL]}


def reference(name: str) -> dict[str, Any]:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def exact(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with exactly these properties, all of them there but the optional ones."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


#: Modules of routes add theirs.
SCHEMAS: dict[str, dict[str, Any]] = {
    "Problem": exact(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {**_TEXT, "description": "What is wrong, and what to do."},
        }
    ),
    "Live": exact({"live": {"const": True}}),
    "Ready": {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"],
              "additionalProperties": {"type": "boolean"}},
    "Status": {"type": "object"},
    "Document": {"type": "object", "required": ["openapi", "info", "paths"]},
    "Original": exact(
        {
            "bytes": {**_NUMBER, "description": "Of the record; 0 for audio in an object store."},
            "contentType": or_null(_TEXT),
            "sha256": or_null(_DIGEST),
            "receivedAt": _TIME,
            "url": _TEXT,
        }
    ),
    "Result": exact(
        {
            "bytes": _NUMBER,
            "contentType": _TEXT,
            "sha256": _DIGEST,
            "finishedAt": _TIME,
            "level": {"type": "integer", "minimum": 0, "maximum": 5},
            "codec": _TEXT,
            "reason": or_null(_TEXT),
            "quality": {"type": "number", "minimum": 0, "maximum": 5},
            "durationMs": _NUMBER,
            "sampleRate": _NUMBER,
            "channels": _NUMBER,
            "originalBytes": _NUMBER,
            "url": _TEXT,
        }
    ),
    "Refusal": exact({"stage": _TEXT, "code": _TEXT, "field": _TEXT, "reason": _TEXT, "refusedAt": _TIME}),
    "Recording": exact(
        {
            "id": {"type": "string", "format": "uuid"},
            "state": {"enum": list(STATES)},
            "hotel": or_null(_TEXT),
            "call": or_null(_TEXT),
            "channel": or_null(_TEXT),
            "sequence": or_null(_NUMBER),
            "final": {"type": "boolean"},
            "time": {**_TIME, "description": "When the audio began, or else when it was received."},
            "original": or_null(reference("Original")),
            "result": or_null(reference("Result")),
            "refusal": or_null(reference("Refusal")),
        }
    ),
    "Recordings": exact({"items": {"type": "array", "items": reference("Recording")}, "cursor": or_null(_TEXT)}),
}  # fmt: skip


def milliseconds_of(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down: the last moment of the year 9999 has no next one."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def time_text(milliseconds: int) -> str:
    """A time as RFC 3339 in UTC."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
