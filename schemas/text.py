"""Foreign text, made fit for messages."""

_LONGEST = 80


def shown(value: str) -> str:
    """Quote text from outside for a message: printable, on one line and no longer than a message can bear.

    Args:
        value: Any text.

    Returns:
        The text in quotes, with escapes for what does not print, cut after 80 characters.
    """
    return ascii(value) if len(value) <= _LONGEST else ascii(value[:_LONGEST]) + "..."
