"""Log lines in the terms of the Elastic Common Schema, so that one index holds them beside everybody else's."""

from collections.abc import MutableMapping
from typing import Any

#: The version whose fields are used.
ECS_VERSION = "8.11.0"
_SERVICE = "hotel-audio-streams"

#: Of Kafka, not of the audio.
_KAFKA = frozenset({"topic", "partition", "partitions", "offset", "generation", "positions", "group"})
#: The schema's own names for what our lines say; of a warning or worse, the reason is that of an error.
_ERROR = {"error": "type", "reason": "message", "code": "code", "exception": "stack_trace"}
_SERIOUS = frozenset({"warning", "error", "critical"})


class ToEcs:
    """Turns the flat fields of a line into the schema's, and what is our own into ``audio`` and ``kafka``.

    It is the last step before a line is written: until then, everybody in the process sees the flat fields. It runs for
    every record, so it builds the two levels by hand: Elastic's own formatter takes three times as long.

    Args:
        version: Of the product.
    """

    def __init__(self, version: str) -> None:
        self._service = {"name": _SERVICE, "version": version}

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Return the line in the schema's terms; as structlog calls its processors."""
        level, name = line.pop("level"), line.pop("logger")
        event = str(line.pop("event"))
        line.pop("_record")  # structlog's own notes
        ours = line.pop("_from_structlog")
        told: dict[str, Any] = {
            "@timestamp": line.pop("timestamp"),
            "log.level": level,  # one name with a dot, as Elastic's own libraries write it
            "message": event,
            "ecs.version": ECS_VERSION,
            "service": self._service,
            "log": {"logger": name},
        }
        if ours:  # a name; the libraries write sentences
            told["event"] = {"action": event}
        parts: dict[str, dict[str, Any]] = {"audio": {}, "kafka": {}, "error": {}}
        serious = level in _SERIOUS
        for field, value in line.items():
            if field in _KAFKA:
                parts["kafka"][field] = value
            elif serious and field in _ERROR:
                parts["error"][_ERROR[field]] = value
            elif value is not None:
                parts["audio"][field] = value
        told.update((part, fields) for part, fields in parts.items() if fields)
        return told
