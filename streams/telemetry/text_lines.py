"""Shows log lines to people at a terminal: time of day, level, message, and the fields as name=value."""

import re
from collections.abc import MutableMapping
from typing import Any

from rich.console import Console
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter

_LEVELS = {"debug": "blue", "info": "green", "warning": "yellow", "error": "red", "critical": "red"}
_CODES = {"blue": "\x1b[34m", "green": "\x1b[32m", "yellow": "\x1b[33m", "red": "\x1b[31m"}
_BOLD, _DIM, _CYAN, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"
#: What a person does not read: `settings` is a table of twenty values, which the JSON lines and the status page have.
_LEFT_OUT = ("_record", "settings")
_PLAIN = re.compile(r"[^\s\"'=]+")


def shorten(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave out what only programs read; the signature is that of structlog's processors."""
    for field in _LEFT_OUT:
        line.pop(field, None)
    if line.pop("_from_structlog"):  # our events are names; the logger tells which library wrote another line
        line["event"] = str(line["event"]).replace("_", " ")
        del line["logger"]
    if "exception" in line:
        line["exception"] = _harmless(line["exception"], kept="\n\t")
    return {name: value for name, value in line.items() if value is not None}


def text_renderer(*, colours: bool) -> ConsoleRenderer:
    """The last processor of a line: makes it text.

    Args:
        colours: Whether to write the terminal's colour codes.
    """

    def style(code: str) -> str:
        return code if colours else ""

    reset = style(_RESET)
    levels = {level: style(_CODES[colour]) for level, colour in _LEVELS.items()}
    return ConsoleRenderer(
        sort_keys=False,
        columns=[
            Column("timestamp", KeyValueColumnFormatter(None, style(_DIM), reset, str)),
            Column("level", lambda _, level: f"{levels[str(level)]}{level:<8}{reset}"),
            Column("event", KeyValueColumnFormatter(None, style(_BOLD), reset, _harmless)),
            Column("", KeyValueColumnFormatter(style(_CYAN), "", reset, _shown)),
        ],
    )


def terminal_has_colours() -> bool:
    """Whether standard error is a terminal with colours, and its user has not refused them with ``NO_COLOR``."""
    console = Console(stderr=True)
    return console.color_system is not None and not console.no_color


def _shown(value: object) -> str:
    """A value in one word, in quotes where it is several."""
    if isinstance(value, list | tuple):
        return ",".join(map(_shown, value)) or "none"
    text = _harmless(str(value))
    return text if _PLAIN.fullmatch(text) else repr(text)


def _harmless(value: object, kept: str = "") -> str:
    """A text without control characters: names of calls come from outside, and must not command the terminal."""
    return "".join(char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in str(value))
