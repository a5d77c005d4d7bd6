"""Entries of one process, each with the digest of the one before."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas import Record
from schemas.audit import MOST_OBJECT_BYTES, AuditEntry
from streams.compliance.merkle_tree import leaf_hash


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        user: The account at the brokers, or the holder of a credential; an opaque id, empty where nobody is known.
        roles: The user's roles.
        method: How the user was known.
    """

    user: str
    roles: tuple[str, ...]
    method: str


class AuditChain:
    """Makes the entries of a process. One that was made and not written breaks the chain: make a new one then.

    Args:
        host: The machine.
        version: The product's version.
        now: Returns the time in UTC.
    """

    def __init__(self, host: str, version: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._host = host
        self._version = version
        self._now = now
        self._id = secrets.token_hex(8)
        self._sequence = 0
        self._previous = ""

    def records(
        self,
        actor: Actor,
        action: str,
        objects: Sequence[str],
        *,
        outcome: str = "success",
        reason: str = "",
        request: str,
    ) -> list[Record]:
        """The records of one act: one, or several if it is about so many objects that they do not fit into one.

        Args:
            actor: Who acts.
            action: What is done.
            objects: With what.
            outcome: What came of it.
            reason: Why.
            request: The same for all that belongs together.
        """
        made = []
        for part in _parts(objects):
            time = self._now().isoformat(timespec="milliseconds")
            entry = AuditEntry(
                time=time, action=action, objects=part, outcome=outcome, reason=reason, user=actor.user,
                roles=actor.roles, method=actor.method, host=self._host, version=self._version, request=request,
                chain=self._id, sequence=self._sequence, previous=self._previous,
            )  # fmt: skip
            record = entry.to_record()
            self._sequence, self._previous = self._sequence + 1, leaf_hash(record.value or b"").hex()
            made.append(record)
        return made


def _parts(objects: Sequence[str]) -> Iterator[tuple[str, ...]]:
    part: list[str] = []
    size = 0
    for one in objects:
        length = len(one.encode())
        if part and size + length > MOST_OBJECT_BYTES:
            yield tuple(part)
            part, size = [], 0
        part.append(one)
        size += length
    yield tuple(part)
