"""Conditional requests and ranges of bytes (RFC 9110, 13 and 14): what of a file is sent. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_RANGE = re.compile(
    r"bytes[ \t]*=[ \t]*(?:([0-9]{1,99})[ \t]*-[ \t]*([0-9]{0,99})|-[ \t]*([0-9]{1,99}))[ \t]*",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file: from the first byte to before the end."""

    start: int
    end: int


Selection = Part | Literal["whole", "unchanged", "unsatisfiable"]


def selected(headers: Mapping[str, str], tag: str, size: int) -> Selection:
    """What of a file a request wants.

    Several ranges, and what is no range, are answered with the whole file, as the RFC allows and wants.

    Args:
        headers: The request's headers.
        tag: The file's entity tag, in quotes.
        size: Its size in bytes.
    """
    none_match = headers.get("if-none-match")
    if none_match is not None and _matches(none_match, tag):
        return "unchanged"
    wanted = headers.get("range")
    if wanted is None or headers.get("if-range", tag).strip() != tag:
        return "whole"
    match = _RANGE.fullmatch(wanted.strip())
    if match is None:
        return "whole"
    return _part(match[1], match[2], match[3], size)


def _part(first: str | None, last: str | None, suffix: str | None, size: int) -> Selection:
    if suffix is not None:
        return Part(max(size - int(suffix), 0), size) if int(suffix) and size else "unsatisfiable"
    start = int(first or 0)
    end = int(last) + 1 if last else size
    if end <= start and last:
        return "whole"  # a last byte before the first one is no range
    return Part(start, min(end, size)) if start < size else "unsatisfiable"


def _matches(given: str, tag: str) -> bool:
    if given.strip() == "*":
        return True
    return tag in (one.strip().removeprefix("W/") for one in given.split(","))
