"""Converts log lines to the Elastic Common Schema, so that they fit into an index with those of other programs."""

from collections.abc import MutableMapping
from typing import Any

#: Version of the schema.
ECS_VERSION = "8.11.0"
_SERVICE = "hotel-audio-streams"

#: Fields that go into ``kafka`` instead of ``audio``.
_KAFKA = frozenset({"topic", "partition", "partitions", "offset", "generation", "positions", "group"})
#: Fields that go into the schema's ``error`` in warnings and worse, and their names there.
_ERROR = {"error": "type", "reason": "message", "code": "code", "exception": "stack_trace"}
_SERIOUS = frozenset({"warning", "error", "critical"})


class ToEcs:
    """Converts the flat fields of a line to the schema's fields, and our own fields to ``audio`` and ``kafka``.

    It is the last step before a line is written: until then, all handlers see the flat fields. It runs for every
    record, so it builds the nested fields by hand: Elastic's own formatter takes three times as long.

    Args:
        version: Version of the product.
    """

    def __init__(self, version: str) -> None:
        self._service = {"name": _SERVICE, "version": version}

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Return the line with the schema's fields. The signature is that of structlog's processors."""
        level, name = line.pop("level"), line.pop("logger")
        event = str(line.pop("event"))
        line.pop("_record")  # internal to structlog
        is_ours = line.pop("_from_structlog")
        document: dict[str, Any] = {
            "@timestamp": line.pop("timestamp"),
            "log.level": level,  # a name with a dot, as in Elastic's own libraries
            "message": event,
            "ecs.version": ECS_VERSION,
            "service": self._service,
            "log": {"logger": name},
        }
        if is_ours:  # our events are names; those of libraries are sentences
            document["event"] = {"action": event}
        parts: dict[str, dict[str, Any]] = {"audio": {}, "kafka": {}, "error": {}}
        serious = level in _SERIOUS
        for field, value in line.items():
            if field in _KAFKA:
                parts["kafka"][field] = value
            elif serious and field in _ERROR:
                parts["error"][_ERROR[field]] = value
            elif value is not None:
                parts["audio"][field] = value
        document.update((part, fields) for part, fields in parts.items() if fields)
        return document
