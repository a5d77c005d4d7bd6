"""Bugs in start offsets, and in the treatment of unreadable records."""

from collections.abc import Collection, Iterator, Mapping

from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.record import TopicPartition
from streams.delivery.transactions import Committed
from streams.engine.transport import LaneConsumer
from streams.kafka.protocol.tolerant_parser import TolerantParser
from streams.kafka.protocol.unreadable import Unreadable
from tests.chaos.seeded_bugs.patch import Patch


def trust_a_committed_offset(patch: Patch) -> None:
    """Begin at a committed offset without comparing it with the log."""

    async def begin(
        self: LaneConsumer, inputs: Collection[TopicPartition], committed: Committed
    ) -> Mapping[TopicPartition, int]:
        del self
        return {tp: committed[tp].offset if tp in committed else 0 for tp in inputs}

    def ignore(self: LaneConsumer, tp: TP, position: int) -> None:
        del self, tp, position

    patch(LaneConsumer, "_begin", begin)
    patch(LaneConsumer, "on_position_reset", ignore)


def pass_over_the_unreadable(patch: Patch) -> None:
    """Skip unreadable records."""
    read = TolerantParser.__iter__

    def readable(self: TolerantParser) -> Iterator[ConsumerRecord | None]:
        return (record for record in read(self) if not isinstance(record, Unreadable))

    patch(TolerantParser, "__iter__", readable)


def refuse_the_neighbours(patch: Patch) -> None:
    """Refuse a whole batch because of one record in it."""

    def refused(self: TolerantParser) -> Iterator[ConsumerRecord | None]:
        return iter((self._rest("one of its records cannot be read"),))

    patch(TolerantParser, "__iter__", refused)
