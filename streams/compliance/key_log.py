"""The topic of keys as erasures and turns see it: one writer at a time, which reads after it began."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from schemas import Record

#: The next offset of each partition.
Ends = Mapping[int, int]


class KeyEntry(NamedTuple):
    """One record of the topic.

    Attributes:
        partition: Its partition; what replaces it has to be there as well.
        key: The key's id.
        value: What is known of the key: wrapped, or erased.
    """

    partition: int
    key: bytes
    value: bytes | None


class WriterReplacedError(Exception):
    """Another erasure or turn has begun since, and only the last one may write; nothing of the last write is there."""


class KeyLog(Protocol):
    """The topic of keys.

    An erasure and a turn that cross could bring an erased key back: the turn would write the key that it has read
    before. So each claims the topic before it reads: whoever claimed it earlier cannot write any more.
    """

    async def claim(self) -> None:
        """Become the only writer; what earlier ones have not committed is undone."""

    async def ends(self) -> Ends:
        """The end of each partition now, with what is in open transactions of workers."""

    def between(self, begins: Ends, ends: Ends) -> AsyncIterator[Sequence[KeyEntry]]:
        """Yield what is committed there; waits until the transactions that were open at the ends are decided.

        Args:
            begins: Where to begin; a partition that is missing is read from its first record on.
            ends: Where to end.
        """

    async def write(self, entries: Sequence[KeyEntry], audit: Sequence[Record]) -> None:
        """Write entries, and records of the audit, all or none.

        Raises:
            WriterReplacedError: If somebody else has claimed the topic since.
        """
