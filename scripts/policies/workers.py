"""Asks workers over HTTP what policy they have in force."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from schemas import Position

_REQUEST_S = 2.0
_PAUSE_S = 0.25
_LARGEST_ANSWER = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker said last.

    Attributes:
        url: Its address.
        version: Version of the hotel's policy in force there; None without a policy.
        problem: Why the change is not in force there, or None if it is.
    """

    url: str
    version: int | None
    problem: str | None


async def await_in_force(
    urls: Sequence[str], hotel_id: str, position: Position, version: int | None, seconds: float
) -> list[Answer]:
    """Ask workers until all have a change in force, or time has passed.

    Args:
        urls: The workers' addresses, such as ``http://127.0.0.1:8080``.
        hotel_id: The hotel.
        position: Where the change stands in the topic.
        version: Version of the new policy; None for a removal.
        seconds: Longest time to wait.

    Returns:
        The last answer of each worker.
    """
    deadline = time.monotonic() + seconds
    while True:
        answers = await asyncio.gather(*(asyncio.to_thread(_ask, url, hotel_id, position, version) for url in urls))
        if all(answer.problem is None for answer in answers) or time.monotonic() + _PAUSE_S > deadline:
            return answers
        await asyncio.sleep(_PAUSE_S)


def _ask(url: str, hotel_id: str, position: Position, version: int | None) -> Answer:
    try:
        address = f"{url.rstrip('/')}/policies?{urlencode({'hotel': hotel_id})}"
        with urllib.request.urlopen(address, timeout=_REQUEST_S) as response:  # noqa: S310  # nosec B310 # checked by the option
            told = json.loads(response.read(_LARGEST_ANSWER))
        return _judged(url, told, position, version)
    except urllib.error.HTTPError as error:
        return Answer(url, None, f"answers {error.code} to /policies: no worker of this release")
    except OSError as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = (isinstance(cause, OSError) and cause.strerror) or cause
        return Answer(url, None, f"does not answer ({reason})")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Answer(url, None, "answers something else than a worker does")


def _judged(url: str, told: dict[str, Any], position: Position, version: int | None) -> Answer:
    """Whether the worker has read the change, and what it has in force since."""
    found: int | None = told["version"]
    if not told["loaded"] or told["next_offsets"].get(str(position.partition), 0) <= position.offset:
        return Answer(url, found, "has not read the change yet")
    if found == version:
        return Answer(url, found, None)
    there = "no policy" if found is None else f"version {found}"
    return Answer(url, found, f"has {there} in force, by a later change or because it refuses this one (see its log)")
