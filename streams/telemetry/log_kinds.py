"""What log lines of one kind have in common: their template, whatever numbers and addresses are in it."""

import logging
import re

#: A word with a digit in it: a count, an address, an offset, a node's number, a member's id.
_VARYING = re.compile(r"[\w.:-]*\d[\w.:-]*")
#: Characters of a text that decide on its kind.
_LONGEST = 300


def event_of(record: logging.LogRecord) -> str:
    """The event of a line of ours; of a library's line the template, without what varies in it.

    Some libraries put numbers and addresses into a message before they log it: no two of their lines are the same text.
    """
    if isinstance(record.msg, dict):  # ours, as structlog hands it on
        return str(record.msg.get("event", ""))
    template = str(record.msg)
    told = message_of(record) if template.startswith("%") else template  # "%s" alone says nothing of the kind
    return _VARYING.sub("#", told[:_LONGEST])


def message_of(record: logging.LogRecord) -> str:
    """A library's message; its template alone where the arguments do not fit."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  the fault of whoever logs, who must not fail of it
        return str(record.msg)
