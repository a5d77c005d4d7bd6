"""A loop written by hand on confluent-kafka, with a thread pool: at least once, in order, and nothing else.

Offsets are committed once a second, after everything up to them was acknowledged.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from scripts.benchmarks.streaming.peers.arguments import Arguments, parse, stop_signal
from scripts.benchmarks.streaming.peers.coding_pool import CodingPool

_COMMIT_S = 1.0
_IDLE_S = 0.1
_FLUSH_S = 30.0


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
            }
        )
        self._consumer.subscribe([setup.source])
        self._producer = Producer({"bootstrap.servers": setup.bootstrap_servers})
        self._pool = CodingPool()
        self._positions: dict[tuple[str, int], int] = {}
        self._committed_at = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Work until the stop signal; the records that were read are finished."""
        while not stop.is_set():
            self._pool.add(self._consumer.consume(self._pool.room, 0 if self._pool else _IDLE_S))
            self._give()
            if time.monotonic() - self._committed_at > _COMMIT_S:
                self._commit()
        while self._pool:
            self._give()
        self._commit()
        self._consumer.close()

    def _give(self) -> None:
        """Wait for the next file in order, and write it with the following ones that are ready."""
        while self._pool:
            message, file = self._pool.pop()
            partition = message.partition()
            self._producer.produce(
                self._target,
                file,
                message.key(),
                partition=partition,
                headers=message.headers(),
                on_delivery=_require_delivered,
            )
            self._positions[message.topic(), partition] = message.offset() + 1
            if not self._pool.first_done:
                break
        self._producer.poll(0)

    def _commit(self) -> None:
        self._committed_at = time.monotonic()
        if not self._positions:
            return
        if self._producer.flush(_FLUSH_S):
            raise TimeoutError("the brokers do not acknowledge")
        offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in self._positions.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)
        self._positions.clear()


def _require_delivered(error: Any, _message: Message) -> None:  # noqa: ANN401  confluent-kafka has no types
    if error is not None:
        raise KafkaException(error)


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    stop = stop_signal()
    Loop(parse(__doc__, argv)).run(stop)


if __name__ == "__main__":
    main()
