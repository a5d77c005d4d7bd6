"""Groups log lines by kind: lines of one kind have the same template, with different numbers and addresses."""

import logging
import re

#: A word with a digit: a count, an address, an offset, a node's number, a member's id.
_VARYING = re.compile(r"[\w.:-]*\d[\w.:-]*")
#: Characters of a message that are compared.
_LONGEST = 300


def event_of(record: logging.LogRecord) -> str:
    """Return the event of our own line, or the template of a library's line without varying parts.

    Some libraries format numbers and addresses into a message before they log it, so that no two messages are equal.
    """
    if isinstance(record.msg, dict):  # our own line, from structlog
        return str(record.msg.get("event", ""))
    template = str(record.msg)
    text = message_of(record) if template.startswith("%") else template  # "%s" alone does not identify a kind
    return _VARYING.sub("#", text[:_LONGEST])


def message_of(record: logging.LogRecord) -> str:
    """Return a library's formatted message, or its template if the arguments do not fit."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  a wrong log call of a library must not fail
        return str(record.msg)
