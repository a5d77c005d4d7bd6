"""Opens the sealed outcomes of a round, and finds what is in clear, what does not open, and keys of nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from tests.chaos.opening import OBJECT_MAGIC, Opener, UnopenedError, in_clear, is_sealed, key_id_of
from tests.chaos.records import ObservedRecord
from tests.chaos.verdict import Problem

#: Puts the object that a record refers to in place of its value.
Fill = Callable[[ObservedRecord], ObservedRecord]


@dataclass(frozen=True)
class Unsealed:
    """The outcomes of a round as they would be in clear; those that do not open are as they are.

    Attributes:
        outcomes: In order.
        problems: Whatever was found.
    """

    outcomes: Sequence[ObservedRecord]
    problems: Sequence[Problem]


class Seals:
    """Judges the seals of all rounds of a bench whose workers seal everything.

    Args:
        opener: Opens what is sealed.
        fill: Fetches objects.
    """

    def __init__(self, opener: Opener, fill: Fill = lambda one: one) -> None:
        self._opener = opener
        self._fill = fill
        self._used: dict[bytes, int] = {}
        self._told: set[bytes] = set()

    def unsealed(
        self, keys: Iterable[ObservedRecord], outcomes: Sequence[ObservedRecord], attempts: Collection[ObservedRecord]
    ) -> Unsealed:
        """Open and judge the outcomes of a round.

        Args:
            keys: Further committed records of ``audio.keys``.
            outcomes: The round's committed outcomes.
            attempts: All of its outcomes, also those of aborted transactions: they stay on the brokers' disks.
        """
        self._opener.learn(keys)
        problems = [
            Problem("plaintext", f"{_name(one)}: {what}") for one in attempts if (what := in_clear(one)) is not None
        ]
        opened = []
        for one in outcomes:
            try:
                opened.append(self._opened(one) if is_sealed(one) else self._fill(one))
            except UnopenedError as error:
                problems.append(Problem("damaged", f"{_name(one)}: cannot be opened: {error}"))
                opened.append(one)
        return Unsealed(opened, [*problems, *self._misplaced_keys()])

    def _opened(self, one: ObservedRecord) -> ObservedRecord:
        self._used[key_id_of(one)] = one.partition
        opened = self._opener.opened(one)
        filled = self._fill(opened)
        if filled is opened or filled.value is None:
            return opened
        if opened.header("ce_sha256") != sha256(filled.value).hexdigest():
            raise UnopenedError("its object is not the one that it names")
        content = self._opener.opened_object(filled.value)
        digest = sha256(content).hexdigest().encode()
        headers = tuple((name, digest if name == "ce_sha256" else text) for name, text in opened.headers)
        return replace(filled, value=content, headers=headers)

    def _misplaced_keys(self) -> Iterator[Problem]:
        """A key is committed with the first outcome that it seals, on the same partition, or not at all."""
        for key_id, partition in self._opener.partitions.items():
            if key_id in self._told or self._used.get(key_id) == partition:
                continue
            self._told.add(key_id)
            where = f"the key {key_id.hex()} on partition {partition}"
            if key_id in self._used:
                yield Problem("keys", f"{where} seals outcomes on partition {self._used[key_id]}")
            else:
                yield Problem("keys", f"{where} was committed without anything that it seals")


def objects_in_clear(beginnings: Iterable[tuple[str, bytes]]) -> Iterator[Problem]:
    """Stored objects that are in clear, by their names and first bytes."""
    for name, beginning in beginnings:
        if not beginning.startswith(OBJECT_MAGIC):
            yield Problem("plaintext", f"the object {name}: it is not sealed")


def _name(one: ObservedRecord) -> str:
    return f"{one.topic}-{one.partition}@{one.offset}"
