"""Rules of a release: how its tag, the package's version and the changelog have to agree."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

_UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_RELEASED = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class ReleaseError(Exception):
    """Version, tag and changelog do not fit. The message is one line and says what to change."""


@dataclass(frozen=True, slots=True)
class Release:
    """A section of the changelog.

    Attributes:
        version: Such as ``(0, 2, 0)``.
        day: When it was released.
        notes: The section's text.
    """

    version: tuple[int, ...]
    day: date
    notes: str


@dataclass(frozen=True, slots=True)
class Changelog:
    """The changelog, newest release first.

    Attributes:
        unreleased: Text of what is not yet released.
        releases: What was.
    """

    unreleased: str
    releases: Sequence[Release]

    @classmethod
    def parse(cls, text: str) -> "Changelog":
        """Read the text of CHANGELOG.md.

        Raises:
            ReleaseError: If a heading is not as Keep a Changelog has it, or releases are out of order.
        """
        _, *parts = _HEADING.split(text)
        headings, bodies = parts[::2], [body.strip() for body in parts[1::2]]
        if not headings or headings[0] != f"[{_UNRELEASED}]":
            raise ReleaseError(f"CHANGELOG.md: the first section has to be [{_UNRELEASED}]")
        releases = [_release(heading, body) for heading, body in zip(headings[1:], bodies[1:], strict=True)]
        for newer, older in pairwise(releases):
            if newer.version <= older.version or newer.day < older.day:
                raise ReleaseError(f"CHANGELOG.md: {_text(newer.version)} has to be newer than {_text(older.version)}")
        return cls(bodies[0], releases)


def check(version: str, changelog: Changelog, tag: str | None = None) -> None:
    """Check that the version is the changelog's newest, or the next one.

    Args:
        version: The package's, from pyproject.toml.
        changelog: The changelog.
        tag: The tag of a release, which needs a section of its own.

    Raises:
        ReleaseError: If they do not agree.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ReleaseError(f"pyproject.toml: the version has to be three numbers such as 0.2.0, not {version}")
    newest = changelog.releases[0] if changelog.releases else None
    numbers = _numbers(match.groups())
    if newest is not None and numbers < newest.version:
        raise ReleaseError(f"pyproject.toml: the version {version} is older than the changelog's newest release")
    if newest is not None and numbers == newest.version and changelog.unreleased:
        raise ReleaseError(f"{version} is released and there are changes since: raise the version in pyproject.toml")
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"the version in pyproject.toml is {version}: the tag has to be v{version}, not {tag}")
    if tag is not None and (newest is None or newest.version != numbers):
        raise ReleaseError(f"CHANGELOG.md has no section [{version}] with its date: rename [{_UNRELEASED}] to it")


def _release(heading: str, notes: str) -> Release:
    match = _RELEASED.fullmatch(heading)
    if match is None:
        raise ReleaseError(f"CHANGELOG.md: the heading has to be such as [0.2.0] - 2026-01-31, not {heading}")
    *numbers, day = match.groups()
    try:
        return Release(_numbers(numbers), date.fromisoformat(day), notes)
    except ValueError as error:
        raise ReleaseError(f"CHANGELOG.md: {heading}: {error}") from None


def _numbers(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(int(text) for text in texts)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)
