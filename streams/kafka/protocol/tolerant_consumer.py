"""aiokafka's consumer with a fetcher that continues after batches which cannot be read, and a strict coordinator."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import BaseCoordinator, GroupCoordinator

from streams.kafka.protocol.fetched_partition import LARGEST_RECORD
from streams.kafka.protocol.offset_fetch import StrictCoordinator
from streams.kafka.protocol.tolerant_fetcher import TolerantFetcher


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's consumer with a `TolerantFetcher` and, in a consumer group, a `StrictCoordinator`.

    aiokafka offers no option for either class, so this consumer changes the class of its own fetcher and coordinator
    when it starts, before they have done anything. Other consumers of the process keep aiokafka's.

    Attributes:
        pauses: Seconds before each further fetch of a batch with a wrong checksum; after the last one it is reported as
            unreadable.
        patience: Seconds for which a broker may return no records of a partition, although it has some, before the
            unreadable offsets are skipped. Restarts and changes of leaders take less.
        largest: Uncompressed bytes of the largest record that is returned whole.
    """

    pauses: Sequence[float] = (0.1, 0.2, 0.4, 0.8, 1.6)
    patience: float = 20.0
    largest: int = LARGEST_RECORD

    @property
    def _fetcher(self) -> Fetcher | None:
        fetcher: Fetcher | None = self.__dict__.get("_fetcher")
        return fetcher

    @_fetcher.setter
    def _fetcher(self, fetcher: Fetcher | None) -> None:
        if fetcher is not None:
            fetcher.__class__ = TolerantFetcher
            fetcher.configure(self.pauses, self.patience, self.largest)
        self.__dict__["_fetcher"] = fetcher

    @property
    def _coordinator(self) -> BaseCoordinator | None:
        coordinator: BaseCoordinator | None = self.__dict__.get("_coordinator")
        return coordinator

    @_coordinator.setter
    def _coordinator(self, coordinator: BaseCoordinator | None) -> None:
        if isinstance(coordinator, GroupCoordinator):  # without a group it is another one, which commits nothing
            coordinator.__class__ = StrictCoordinator
        self.__dict__["_coordinator"] = coordinator

    def wait_at_brokers(self, milliseconds: int) -> None:
        """Let brokers wait so long for the least number of bytes, from the next fetch on.

        A broker that waits for partitions at their end holds up the others that it leads: aiokafka asks it for one
        thing at a time.
        """
        if self._fetcher is not None:
            self._fetcher._fetch_max_wait_ms = milliseconds  # noqa: SLF001  aiokafka sets it at the start alone


def make_tolerant(consumer: AIOKafkaConsumer) -> None:
    """Turn a consumer that is not started yet into a `TolerantConsumer`."""
    consumer.__class__ = TolerantConsumer
