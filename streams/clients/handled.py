"""What a consumer has handed out, and up to which offsets all of it is handled. Pure."""

from typing import NamedTuple, Protocol


class Commit(NamedTuple):
    """What a group commits for a partition.

    Attributes:
        offset: Where the group continues.
        metadata: What the next owner needs besides, at most 4096 bytes.
    """

    offset: int
    metadata: str = ""


class Progress(Protocol):
    """The progress of reading; it hands out one item at a time."""

    def handled(self) -> None:
        """The item that was handed out last is handled."""
        ...

    def commits(self) -> dict[int, Commit]:
        """What may be committed, by partition: nothing that is not handled comes before it."""
        ...

    def resume(self, partition: int, commit: Commit) -> None:
        """Reading of a partition begins at a commit."""
        ...

    def forget(self) -> None:
        """The partitions are revoked: what is not handled will be read again, by whoever owns them then."""
        ...


class ResultProgress:
    """The progress of a consumer that hands out every result by itself."""

    def __init__(self) -> None:
        self._handled: dict[int, int] = {}
        self._given: tuple[int, int] | None = None

    def give(self, partition: int, next_offset: int) -> None:
        """A record is handed out; the offset after it is where to continue when it is handled."""
        self._given = (partition, next_offset)

    def handled(self) -> None:
        """See `Progress`."""
        if self._given is not None:
            partition, next_offset = self._given
            self._handled[partition] = next_offset
            self._given = None

    def commits(self) -> dict[int, Commit]:
        """See `Progress`."""
        return {partition: Commit(offset) for partition, offset in self._handled.items()}

    def resume(self, partition: int, commit: Commit) -> None:
        """See `Progress`: the offset says it all."""

    def forget(self) -> None:
        """See `Progress`."""
        self._handled.clear()
        self._given = None
