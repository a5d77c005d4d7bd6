"""An in-memory model of Kafka's transactions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.errors import ProducerFenced

#: Topic and partition of outputs.
Place = tuple[str, int]


@dataclass(eq=False)
class Transaction:
    """One transaction; once prepared, it commits even if its producer fails.

    Attributes:
        unmarked: Places, and None for the offsets, whose marker is still to be written; only when prepared.
    """

    outputs: list["Written"] = field(default_factory=list)
    offsets: dict[int, "Committed"] = field(default_factory=dict)
    prepared: bool = False
    unmarked: list[Place | None] = field(default_factory=list)


class Committed(NamedTuple):
    """An input offset and its metadata."""

    offset: int
    metadata: str


@dataclass(eq=False)
class Written:
    """One record in an output partition; ``committed`` is None while its transaction has left no marker."""

    place: Place
    value: bytes | None
    committed: bool | None = None


class KafkaModel:
    """The state of the brokers: input and output logs, committed offsets, transactional ids with their epochs.

    Args:
        partitions: Of the input topic.
    """

    def __init__(self, partitions: int) -> None:
        self.inputs: list[list[tuple[int, bytes]]] = [[] for _ in range(partitions)]
        self.committed: dict[int, Committed] = {}
        self.logs: dict[Place, list[Written]] = {}
        self.changes = 0  # of the visible state
        self._ends = [0] * partitions
        self._epochs: dict[str, int] = {}
        self._transactions: dict[str, Transaction] = {}

    def append(self, partition: int, gap: int) -> None:
        """Write one input after ``gap`` unused offsets; its value is its offset."""
        offset = self._ends[partition] + gap
        self.inputs[partition].append((offset, str(offset).encode()))
        self._ends[partition] = offset + 1

    def init_producer(self, transactional_id: str) -> int:
        """Complete or abort the id's open transaction, and fence its earlier owners."""
        if transactional_id in self._transactions:
            self._end(transactional_id, commit=self._transactions[transactional_id].prepared)
        self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
        return self._epochs[transactional_id]

    def produce(self, producer: tuple[str, int], place: Place, values: Sequence[bytes | None]) -> None:
        """Append a batch of outputs in the producer's transaction."""
        self.changes += 1
        written = [Written(place, value) for value in values]
        self._transaction(*producer).outputs.extend(written)
        self.logs.setdefault(place, []).extend(written)

    def add_offsets(self, producer: tuple[str, int], offsets: Mapping[int, Committed]) -> None:
        """Add input offsets to the producer's transaction."""
        self._transaction(*producer).offsets.update(offsets)

    def offset(self, partition: int) -> int:
        """The committed input offset, 0 where there is none."""
        return self.committed[partition].offset if partition in self.committed else 0

    def stable(self, partitions: Collection[int]) -> bool:
        """Whether no open transaction has an offset of one of these partitions."""
        pending = [open_ for open_ in self._transactions.values() if not open_.prepared or None in open_.unmarked]
        return not any(partition in open_.offsets for open_ in pending for partition in partitions)

    def commit(self, producer: tuple[str, int]) -> int:
        """Decide that the producer's transaction commits, and begin its next epoch; the markers follow, see ``mark``.

        Raises:
            ProducerFenced: Of an earlier epoch, or when nothing was written in this one.
        """
        name, epoch = producer
        transaction = self._transactions.get(name)
        if self._epochs[name] != epoch or transaction is None or transaction.prepared:
            raise ProducerFenced
        transaction.prepared = True
        transaction.unmarked = [None, *sorted({written.place for written in transaction.outputs})]
        self._epochs[name] += 1
        return self._epochs[name]

    def abort(self, producer: tuple[str, int]) -> int:
        """Abort the producer's transaction, and begin its next epoch.

        Raises:
            ProducerFenced: Of an earlier epoch, or when nothing was written in this one.
        """
        name, epoch = producer
        transaction = self._transactions.get(name)
        if self._epochs[name] != epoch or transaction is None or transaction.prepared:
            raise ProducerFenced
        self._end(name, commit=False)
        self._epochs[name] += 1
        return self._epochs[name]

    def time_out(self) -> None:
        """Abort every undecided transaction, as the coordinator does after ``transaction.timeout.ms``."""
        for transactional_id in [name for name, open_ in self._transactions.items() if not open_.prepared]:
            self._end(transactional_id, commit=False)
            self._epochs[transactional_id] += 1

    def prepared(self) -> Iterator[Transaction]:
        """Transactions that commit and still lack markers."""
        return (transaction for transaction in self._transactions.values() if transaction.prepared)

    def mark(self, transaction: Transaction) -> None:
        """Write the next marker of a commit: offsets and outputs become visible one after the other."""
        self.changes += 1
        place = transaction.unmarked.pop()
        if place is None:
            self.committed.update(transaction.offsets)
        else:
            _decide(transaction, place, commit=True)
        if not transaction.unmarked:
            self._forget(transaction)

    def visible(self, place: Place) -> list[bytes | None]:
        """What a read_committed consumer sees: nothing behind an undecided record."""
        seen = []
        for written in self.logs.get(place, []):
            if written.committed is None:
                break
            if written.committed:
                seen.append(written.value)
        return seen

    def held_back(self, place: Place) -> bool:
        """Whether an open transaction keeps read_committed consumers from what lies behind its outputs."""
        return any(written.committed is None for written in self.logs.get(place, []))

    def _transaction(self, transactional_id: str, epoch: int) -> Transaction:
        if self._epochs[transactional_id] != epoch:
            raise ProducerFenced
        transaction = self._transactions.setdefault(transactional_id, Transaction())
        if transaction.prepared:  # brokers refuse until the markers are written; clients try again
            self._end(transactional_id, commit=True)
            transaction = self._transactions[transactional_id] = Transaction()
        return transaction

    def _end(self, transactional_id: str, *, commit: bool) -> None:
        transaction = self._transactions[transactional_id]
        if commit:
            while transaction.unmarked:
                self.mark(transaction)
            return
        for place in {written.place for written in transaction.outputs}:
            _decide(transaction, place, commit=False)
        self._forget(transaction)

    def _forget(self, transaction: Transaction) -> None:
        self.changes += 1
        self._transactions = {name: kept for name, kept in self._transactions.items() if kept is not transaction}


def _decide(transaction: Transaction, place: Place, *, commit: bool) -> None:
    for written in transaction.outputs:
        if written.place == place:
            written.committed = commit
