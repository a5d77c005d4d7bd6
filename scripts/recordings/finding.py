"""Finds recordings in files and folders, and says what it leaves out."""

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import MediaType
from schemas.media_type import WAV
from schemas.text import CONTROL
from scripts.recordings.formats import FOREIGN, media_type_of

#: On the command line: standard input.
STANDARD_INPUT = Path("-")

_HIDDEN = "hidden"
_LINK = "links"
_IRREGULAR = "pipes and devices"
_OTHER = "other suffixes"
_EXAMPLES = 3  # names that a line of a summary has


@dataclass(frozen=True, slots=True)
class Recording:
    """A file to read.

    Attributes:
        path: Where it is; `STANDARD_INPUT` is standard input.
        name: Its path below the folder of the command line in which it was found, or else the file's name.
        suffix_type: Media type by its suffix; None if it was named and has no known one, so that its content says it.
        found: Whether it was found in a folder, and not named itself.
    """

    path: Path
    name: Path
    suffix_type: MediaType | None
    found: bool = False

    @property
    def media_type(self) -> MediaType:
        """The label for decoding, which recognises all files by their content and needs it for raw audio alone."""
        return self.suffix_type or MediaType(WAV)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was seen in a folder and is not read, with the reason in a few words."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """What was to be read and could not, with the reason in one line."""

    path: Path
    problem: str


@dataclass(frozen=True, slots=True)
class Found:
    """What there is in the files and folders of a command line.

    Attributes:
        recordings: In the order of the command line, and by name within a folder.
        left_out: In folders only.
        failures: Folders that cannot be read, recordings in other formats, and files that were named and are missing.
    """

    recordings: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...]
    failures: tuple[Failed, ...]


def find(paths: Sequence[Path], raw: MediaType | None = None) -> Found:
    """Find all recordings; folders are searched recursively, without hidden files, hidden folders and links.

    A file or link that is named itself is read, whatever it is called.

    Args:
        paths: Files and folders; `STANDARD_INPUT` is standard input.
        raw: Media type of standard input, and of named files without a known suffix; None if they have none.
    """
    seen = [one for path in paths for one in (_walk(path, path) if path.is_dir() else [_named(path, raw)])]
    return Found(
        recordings=tuple(one for one in seen if isinstance(one, Recording)),
        left_out=tuple(one for one in seen if isinstance(one, LeftOut)),
        failures=tuple(one for one in seen if isinstance(one, Failed)),
    )


def summary(left_out: Iterable[LeftOut]) -> list[str]:
    """Say what was left out: a line for each reason, with the first names."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, []).append(printable(one.path))
    return [f"left out {len(names)} ({reason}): {_listed(names)}" for reason, names in by_reason.items()]


def printable(name: Path | str) -> str:
    """A path or a name from outside for messages: bytes that are not UTF-8 and control characters are escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _walk(folder: Path, top: Path) -> Iterator[Recording | LeftOut | Failed]:
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield Failed(folder, error.strerror or str(error))
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            yield LeftOut(path, _HIDDEN)
        elif entry.is_symlink():
            yield LeftOut(path, _LINK)
        elif entry.is_dir():
            yield from _walk(path, top)
        else:
            yield _entry(path, top, regular=entry.is_file())


def _entry(path: Path, top: Path, *, regular: bool) -> Recording | LeftOut | Failed:
    media_type = media_type_of(path)
    if media_type is None:
        return _foreign(path) or LeftOut(path, _OTHER)
    return Recording(path, path.relative_to(top), media_type, found=True) if regular else LeftOut(path, _IRREGULAR)


def _foreign(path: Path) -> Failed | None:
    """Name the format of a recording that commands do not read, and the line that converts it; None for other files."""
    if path.suffix.lower() not in FOREIGN:
        return None
    source, target = (shlex.quote(printable(name)) for name in (path, path.with_suffix(".flac")))
    return Failed(path, f"{path.suffix[1:].upper()} is not read; convert it first: ffmpeg -i {source} {target}")


def _named(path: Path, raw: MediaType | None) -> Recording | Failed:
    media_type = media_type_of(path) or raw
    if path == STANDARD_INPUT:
        return Recording(path, Path("standard-input"), media_type)
    if not path.exists():
        return Failed(path, "No such file or directory")
    foreign = None if media_type else _foreign(path)
    return foreign or Recording(path, Path(path.name), media_type)


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return ", ".join(names[:_EXAMPLES]) + more
