"""A loop written by hand on confluent-kafka, with a thread pool: exactly once, in order, and nothing else.

Files and the offsets of what they were made of go into one transaction, as confluent-kafka's documentation and its
example of transactions have it. While one is committed, the pool works on what comes next; whatever is finished by then
goes into the next one. An error ends the process, and with it the transaction.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from scripts.benchmarks.streaming.coding import ENCODER_HEADER, encode
from scripts.benchmarks.streaming.peers.arguments import THREADS, Arguments, parse, stop_signal

SETTINGS = "librdkafka's own, linger.ms=0; 128 records in the pool at most, one transaction after the other"

_IN_POOL = 128
_IDLE_S = 0.1
#: A wait for the pool that a new record ends as well.
_BUSY_S = 0.002
_WAIT_S = 60.0
#: Brokers refuse what comes before the last transaction has its markers, which takes milliseconds; librdkafka's 100 ms
#: would be most of the latency with three brokers.
_BACKOFF_MS = 10

_Job = tuple[Message, Future[bytes]]


class Loop:
    """Takes records, has them coded, writes the files in the records' order.

    Args:
        where: Topics and brokers.
    """

    def __init__(self, where: Arguments) -> None:
        self._target = where.target
        self._consumer = Consumer(
            {
                "bootstrap.servers": where.bootstrap_servers,
                "group.id": where.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": where.bootstrap_servers,
                "transactional.id": where.group,
                "linger.ms": 0,
                "retry.backoff.ms": _BACKOFF_MS,
            }
        )
        self._producer.init_transactions(_WAIT_S)
        self._consumer.subscribe([where.source])
        self._pool = ThreadPoolExecutor(THREADS)
        self._jobs: deque[_Job] = deque()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what was taken is finished."""
        while not stop.is_set() or self._jobs:
            self._take(0 if stop.is_set() else _IN_POOL - len(self._jobs))
            finished = self._finished()
            if finished:
                self._commit(finished)
        self._consumer.close()

    def _take(self, room: int) -> None:
        """Wait until there is a record, but no longer than a moment while the pool works."""
        if not room:
            self._jobs[0][1].result()
            return
        first = self._consumer.poll(_BUSY_S if self._jobs else _IDLE_S)
        if first is None:
            return
        for message in (first, *self._consumer.consume(room - 1, 0)):
            if message.error() is not None:
                raise KafkaException(message.error())
            encoder = dict(message.headers())[ENCODER_HEADER]
            self._jobs.append((message, self._pool.submit(encode, message.value(), encoder)))

    def _finished(self) -> list[_Job]:
        finished: list[_Job] = []
        while self._jobs and self._jobs[0][1].done():
            finished.append(self._jobs.popleft())
        return finished

    def _commit(self, finished: Sequence[_Job]) -> None:
        offsets: dict[tuple[str, int], int] = {}
        self._producer.begin_transaction()
        for message, file in finished:
            self._producer.produce(
                self._target, file.result(), message.key(), partition=message.partition(), headers=message.headers()
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
