"""Call ids for recordings that are sent: from the command line, or from the files' paths."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from schemas.headers import MAX_ID
from scripts.recordings.finding import Recording, printable

_DIGEST_CHARACTERS = 16


def call_ids(recordings: Sequence[Recording], call: str | None) -> list[str]:
    """Give each recording a call id of its own.

    Files that are named themselves are ``call``, ``call-2``, ``call-3`` and so on, or without ``call`` have their names
    without suffix. Files of a folder have their paths below it without suffix, after ``call/`` if that is given. The
    suffix stays where two ids would be equal; a number is added where they still are.

    Args:
        recordings: The recordings, in the order of sending.
        call: The call id of the command line, or None.
    """
    wanted = []
    named = 0
    for recording in recordings:
        if recording.found or call is None:
            wanted.append((_of_path(recording.name.with_suffix(""), call), _of_path(recording.name, call)))
        else:
            named += 1
            wanted.append((_numbered(call, named),) * 2)
    times = Counter(short for short, _ in wanted)
    taken: set[str] = set()
    ids = []
    for short, whole in wanted:
        ids.append(_free(short if times[short] == 1 else whole, taken))
        taken.add(ids[-1])
    return ids


def _of_path(path: Path, call: str | None) -> str:
    return _fitting(printable(path) if call is None else f"{call}/{printable(path)}")


def _fitting(text: str) -> str:
    """Shorten a text to the longest call id; its end stays, after a digest of all of it."""
    if len(text) <= MAX_ID:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{digest}~{text[-(MAX_ID - _DIGEST_CHARACTERS - 1) :]}"


def _free(call_id: str, taken: set[str]) -> str:
    """The id, or with the first number that makes it another one than those taken."""
    number, free = 1, call_id
    while free in taken:
        number += 1
        free = _numbered(call_id, number)
    return free


def _numbered(call_id: str, number: int) -> str:
    return call_id if number == 1 else f"{call_id}-{number}"
