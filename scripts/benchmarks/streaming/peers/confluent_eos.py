"""A loop written by hand on confluent-kafka, with a thread pool: exactly once, in order, and nothing else.

Files and the offsets of their inputs are in one transaction, as in confluent-kafka's documentation and its example of
transactions. While one is committed, the pool works on the next messages; the files that are ready by then are in the
next transaction. An error ends the process, and with it the transaction.
"""

import threading
from collections.abc import Sequence

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from scripts.benchmarks.streaming.peers.arguments import Arguments, parse, stop_signal
from scripts.benchmarks.streaming.peers.coding_pool import CodingPool

_IDLE_S = 0.1
#: Longest wait for a new record while the pool works.
_BUSY_S = 0.002
_WAIT_S = 60.0
#: Brokers refuse requests until the last transaction has its markers, which takes milliseconds; with three brokers,
#: librdkafka's default of 100 ms would be most of the latency.
_BACKOFF_MS = 10


class Loop:
    """Reads records, encodes them in the pool, and writes the files in the records' order.

    Args:
        setup: Topics and brokers.
    """

    def __init__(self, setup: Arguments) -> None:
        self._target = setup.target
        self._consumer = Consumer(
            {
                "bootstrap.servers": setup.bootstrap_servers,
                "group.id": setup.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": setup.bootstrap_servers,
                "transactional.id": setup.group,
                "linger.ms": 0,
                "retry.backoff.ms": _BACKOFF_MS,
            }
        )
        self._producer.init_transactions(_WAIT_S)
        self._consumer.subscribe([setup.source])
        self._pool = CodingPool()

    def run(self, stop: threading.Event) -> None:
        """Work until the stop signal; the records that were read are finished."""
        while not stop.is_set() or self._pool:
            self._take(0 if stop.is_set() else self._pool.room)
            finished = self._finished()
            if finished:
                self._commit(finished)
        self._consumer.close()

    def _take(self, room: int) -> None:
        """Wait for a record, only briefly while the pool works."""
        if not room:
            self._pool.wait_for_first()
            return
        first = self._consumer.poll(_BUSY_S if self._pool else _IDLE_S)
        if first is not None:
            self._pool.add((first, *self._consumer.consume(room - 1, 0)))

    def _finished(self) -> list[tuple[Message, bytes]]:
        finished = []
        while self._pool.first_done:
            finished.append(self._pool.pop())
        return finished

    def _commit(self, finished: Sequence[tuple[Message, bytes]]) -> None:
        offsets: dict[tuple[str, int], int] = {}
        self._producer.begin_transaction()
        for message, file in finished:
            self._producer.produce(
                self._target, file, message.key(), partition=message.partition(), headers=message.headers()
            )
            offsets[message.topic(), message.partition()] = message.offset() + 1
        self._producer.send_offsets_to_transaction(
            [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()],
            self._consumer.consumer_group_metadata(),
        )
        self._producer.commit_transaction()


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    stop = stop_signal()
    Loop(parse(__doc__, argv)).run(stop)


if __name__ == "__main__":
    main()
