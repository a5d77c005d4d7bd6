"""The byte patterns of a search, read from a JSON file."""

import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.cli import CommandError

#: Shorter patterns occur by chance.
LEAST_BYTES = 8
_KINDS = ("erased", "keys", "control")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Bytes to search for.

    Attributes:
        name: Its name in the file, with the encoding of a key.
        content: The bytes, at least eight.
        is_control: Whether it is known to be there, and so has to be found.
    """

    name: str
    content: bytes
    is_control: bool = False


def read_patterns(path: Path) -> list[Pattern]:
    """Read the patterns of a file: objects ``erased``, ``keys`` and ``control`` of names and bytes as hex digits.

    Keys are searched for raw, as hex digits and as base64 at each of its three alignments.

    Raises:
        CommandError: If the file cannot be read, a pattern is too short, or there is none to find or no control.
    """
    try:
        document = json.loads(path.read_text())
        found = [pattern for kind in _KINDS for pattern in _of_kind(kind, document.get(kind, {}))]
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise CommandError(f"{path}: not a file of patterns: {error}") from error
    for pattern in found:
        if len(pattern.content) < LEAST_BYTES:
            raise CommandError(f"{path}: {pattern.name} has fewer than {LEAST_BYTES} bytes")
    if not any(pattern.is_control for pattern in found):
        raise CommandError(f"{path}: no control, which is known to be there; without one the scan proves nothing")
    if all(pattern.is_control for pattern in found):
        raise CommandError(f"{path}: nothing to search for beside the control")
    return found


def _of_kind(kind: str, entries: dict[str, Any]) -> list[Pattern]:
    contents = {name: bytes.fromhex(digits) for name, digits in entries.items()}
    if kind != "keys":
        return [Pattern(name, content, kind == "control") for name, content in contents.items()]
    return [Pattern(f"{name} ({how})", each) for name, key in contents.items() for how, each in _encodings(key)]


def _encodings(key: bytes) -> list[tuple[str, bytes]]:
    """A key as it may lie in bytes and text; of base64 only the characters that no neighbouring byte changes."""
    found = [("raw", key), ("hex", key.hex().encode()), ("HEX", key.hex().upper().encode())]
    for before in range(3):
        text = b64encode(bytes(before) + key)
        whole = (before + len(key)) * 8 // 6
        first = -(-before * 8 // 6)
        found.append((f"base64+{before}", text[first:whole]))
    return found
