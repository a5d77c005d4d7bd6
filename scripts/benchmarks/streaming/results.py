"""The results of a run, as a ``read_committed`` consumer sees them."""

import time
import zlib
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from scripts.benchmarks.streaming.records import QUIET, number_of

_AT_ONCE = 500
_LOOK_S = 0.05


class ResultsError(Exception):
    """The results do not correspond to the records. The message is one line."""


class Results:
    """Reads a topic of results from its beginning.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic.
        partitions: Its number of partitions.

    Attributes:
        files: Checksum of each result, by its record's number.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self.files: dict[int, int] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"{topic}-results",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "log_level": QUIET,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])

    def wait(
        self, count: int, within: float, advance: Callable[[int], None], require_alive: Callable[[], None]
    ) -> None:
        """Wait until this number of records have a result.

        Args:
            count: Number of records, from the first on.
            within: Longest time in seconds without a new result.
            advance: Called with the number of further results.
            require_alive: Raises if no further result can come.

        Raises:
            ResultsError: If no more come, or one comes twice.
        """
        last = time.monotonic()
        while len(self.files) < count:
            found = self._read()
            if found:
                advance(found)
                last = time.monotonic()
                continue
            require_alive()
            if time.monotonic() - last > within:
                raise ResultsError(f"{len(self.files)} of {count} results came, and no more for {within:g} s")

    def require_no_more(self, seconds: float) -> None:
        """Check that no further result comes within this number of seconds.

        Raises:
            ResultsError: If one comes.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := self._read():
                raise ResultsError(f"{found} results more than records")

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _read(self) -> int:
        batch = self._consumer.consume(_AT_ONCE, _LOOK_S)
        for message in batch:
            if message.error() is not None:
                raise KafkaException(message.error())
            number = number_of(message.headers())
            if number in self.files:
                raise ResultsError(f"record {number} has two results")
            self.files[number] = zlib.crc32(message.value())
        return len(batch)
