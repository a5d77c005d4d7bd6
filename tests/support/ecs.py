"""The fields of the Elastic Common Schema that our log lines use."""

import re
from collections.abc import Iterator
from typing import Any

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
_LEVELS = {"debug", "info", "warning", "error", "critical"}
_REQUIRED = {"@timestamp", "log.level", "message", "ecs.version", "service", "log"}
#: Field sets of the schema, each with its allowed fields; None for our own sets.
_SETS: dict[str, set[str] | None] = {
    "service": {"name", "version"},
    "log": {"logger"},
    "event": {"action"},
    "error": {"type", "message", "code", "stack_trace"},
    "audio": None,
    "kafka": None,
}
_LONGEST_TEXT = 2000


def problems(line: dict[str, Any]) -> Iterator[str]:
    """Deviations from the schema, one text each."""
    if missing := _REQUIRED - line.keys():
        yield f"{line}: without {sorted(missing)}"
        return
    if not _TIMESTAMP.fullmatch(line["@timestamp"]) or line["log.level"] not in _LEVELS:
        yield f"{line}: {line['@timestamp']} or {line['log.level']}"
    for name, value in line.items():
        if name in _SETS:
            yield from _problems_of_set(name, value)
        elif name not in _REQUIRED or not isinstance(value, str):
            yield f"{name} is no text of the schema: {value!r}"


def _problems_of_set(name: str, fields: Any) -> Iterator[str]:
    allowed = _SETS[name]
    for field, value in fields.items():
        if allowed is not None and (field not in allowed or not isinstance(value, str)):
            yield f"{name}.{field} is no text of the schema: {value!r}"
        if field != "stack_trace" and len(str(value)) > _LONGEST_TEXT:
            yield f"{name}.{field} is {len(str(value))} characters long"
