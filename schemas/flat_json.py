"""Reads a JSON object without nested values, such as the attributes of an event, one member at a time.

A general parser builds the whole object before it can be checked, and nested arrays take twenty times as much memory as
their text.
"""

import json
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

#: ``other`` is an object, an array or a number that is not whole. Its value is not read.
Kind = Literal["string", "integer", "boolean", "null", "other"]

_STRINGS = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"(?:(true|false)|(null)|-?(?:0|[1-9][0-9]*))(?=[ \t\n\r,}]|$)")
_BEGINS_OTHER = re.compile(r"[\[{]|-?[0-9]")


class Member(NamedTuple):
    """One member of a JSON object.

    Attributes:
        name: Its name.
        kind: The type of its value.
        text: A string's text, a whole number's digits, ``true`` or ``false``; empty for null and ``other``.
    """

    name: str
    kind: Kind
    text: str


def members(text: str) -> Iterator[Member]:
    """Yield the members in order, up to the first one of the kind ``other``: nothing after it is read.

    Args:
        text: Any text.

    Raises:
        ValueError: If the text is not a JSON object. The members before the error have been yielded by then.
    """
    scanner = _Scanner(text)
    scanner.expect("{")
    if not scanner.takes("}"):
        while True:
            member = scanner.member()
            yield member
            if member.kind == "other":
                return
            if not scanner.takes(","):
                break
        scanner.expect("}")
    scanner.expect_end()


class _Scanner:
    """Reads a text from left to right; remembers the position."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def takes(self, symbol: str) -> bool:
        """Skip blanks and the symbol, if it comes next; return whether it did."""
        taken = self._text.startswith(symbol, self._past_blanks())
        self._at += len(symbol) if taken else 0
        return taken

    def expect(self, symbol: str) -> None:
        """Skip blanks and the symbol, which is required."""
        if not self.takes(symbol):
            raise ValueError(f"{symbol} expected at character {self._at}")

    def expect_end(self) -> None:
        """Check that only blanks are left."""
        if self._past_blanks() < len(self._text):
            raise ValueError(f"the object ends before character {self._at}")

    def member(self) -> Member:
        """Read a name and its value."""
        name = self._string()
        self.expect(":")
        if self._text.startswith('"', self._past_blanks()):
            return Member(name, "string", self._string())
        scalar = _SCALAR.match(self._text, self._at)
        if scalar is not None:
            self._at = scalar.end()
            kind: Kind = "boolean" if scalar[1] else "null" if scalar[2] else "integer"
            return Member(name, kind, "" if kind == "null" else scalar[0])
        if _BEGINS_OTHER.match(self._text, self._at):
            return Member(name, "other", "")
        raise ValueError(f"a value expected at character {self._at}")

    def _string(self) -> str:
        if not self._text.startswith('"', self._past_blanks()):
            raise ValueError(f"a string expected at character {self._at}")
        text, self._at = _STRINGS.raw_decode(self._text, self._at)
        return str(text)

    def _past_blanks(self) -> int:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at
        return self._at
