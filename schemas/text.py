"""Text from outside: its control characters, and as a quotation for messages."""

import re

#: A character that no text of the contract has.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_LONGEST = 80


def shown(value: str) -> str:
    """Quote text from outside for a message: printable, on one line, of limited length.

    Args:
        value: Any text.

    Returns:
        The text in quotes, with escapes for characters that are not printable, truncated to 80 characters.
    """
    return ascii(value) if len(value) <= _LONGEST else ascii(value[:_LONGEST]) + "..."
