"""A sender and a listener in separate processes, so that neither delays the other or waits for the benchmark."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from ctypes import Array, c_double, c_longlong
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from scripts.benchmarks.streaming.arrivals import Seconds
from scripts.benchmarks.streaming.records import NOT_COUNTED, Traffic, number_of, partition_of
from scripts.benchmarks.streaming.results import ResultsError

# Forked processes would share the threads of librdkafka's clients, which do not survive a fork.
_PROCESSES = multiprocessing.get_context("spawn")
_POLL_S = 0.05
_FLUSH_S = 60.0
_END_S = 10.0
#: Short, so that listening adds little to the measured latency.
_FETCH_WAIT_MS = 10


class Sender:
    """Sends records at scheduled times, independently of earlier results.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic.
        traffic: The source of the records.
    """

    def __init__(self, bootstrap_servers: str, topic: str, traffic: Traffic) -> None:
        self._orders, theirs = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(target=_send, args=(theirs, bootstrap_servers, topic, traffic), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, first: int, due: Seconds) -> None:
        """Start to send; returns at once.

        Args:
            first: Number of the first record.
            due: When each is due, on the monotonic clock, in order.
        """
        self._orders.send((first, due))

    def finish(self) -> Seconds:
        """Wait until the brokers have acknowledged all; returns when each was sent, on the monotonic clock.

        Raises:
            ResultsError: If the process died.
        """
        try:
            sent: Seconds = self._orders.recv()
        except EOFError:
            raise ResultsError("the sender's process died") from None
        return sent

    def close(self) -> None:
        """End the process."""
        _end(self._process)


class Listener:
    """Records when each result becomes visible to a ``read_committed`` reader.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic of results.
        partitions: Its number of partitions.
        count: Highest number of results, which belong to records 0 and following.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int, count: int) -> None:
        self._arrived = _PROCESSES.RawArray(c_double, count)
        self._results = _PROCESSES.RawValue(c_longlong, 0)
        self._process = _PROCESSES.Process(
            target=_listen, args=(bootstrap_servers, topic, partitions, self._arrived, self._results), daemon=True
        )
        self._process.start()

    def arrived(self, first: int, count: int) -> Seconds:
        """Arrival times of the results of these records, on the monotonic clock; 0 where none has arrived."""
        return np.array(self._arrived[first : first + count])

    def wait(self, count: int, within: float, require_alive: Callable[[], None]) -> None:
        """Wait until this number of records have a result, counted from record 0.

        Args:
            count: Number of records with a result.
            within: Longest time in seconds without a new result.
            require_alive: Raises if no further result can come.

        Raises:
            ResultsError: If no more come, or one comes twice.
        """
        seen, last = self._results.value, time.monotonic()
        while seen < count:
            time.sleep(_POLL_S)
            require_alive()
            found = self._results.value
            if found > seen:
                seen, last = found, time.monotonic()
            elif not self._process.is_alive() or time.monotonic() - last > within:
                raise ResultsError(f"{seen} of {count} results came, and no more for {within:g} s")
        if np.count_nonzero(self._arrived) != self._results.value:
            raise ResultsError("a record has two results")

    def close(self) -> None:
        """End the process."""
        _end(self._process)


def _send(
    orders: "Connection[Seconds, tuple[int, Seconds]]", bootstrap_servers: str, topic: str, traffic: Traffic
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at Ctrl-C the bench ends this process
    producer = Producer({"bootstrap.servers": bootstrap_servers, "message.max.bytes": 10 * 2**20, "linger.ms": 0})
    producer.list_topics(topic)
    while True:
        try:
            first, due = orders.recv()
        except EOFError:  # the bench has ended
            return
        sent = np.zeros(len(due))
        for at, record in enumerate(traffic.messages(first, len(due))):
            time.sleep(max(0.0, due[at] - time.monotonic()))
            sent[at] = time.monotonic()
            partition = partition_of(record.key, traffic.partitions)
            producer.produce(topic, record.value, record.key, partition=partition, headers=record.headers)
            producer.poll(0)
        if producer.flush(_FLUSH_S):
            raise RuntimeError("the brokers do not acknowledge the records")
        orders.send(sent)


def _listen(
    bootstrap_servers: str, topic: str, partitions: int, arrived: "Array[c_double]", results: c_longlong
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the sender
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"{topic}-listener",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": _FETCH_WAIT_MS,
        }
    )
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
    while True:
        message = consumer.poll(1.0)
        if message is None:
            if _abandoned():
                return
            continue
        if message.error() is not None:
            raise KafkaException(message.error())
        number = number_of(message.headers())
        if number < NOT_COUNTED:
            arrived[number] = time.monotonic()
            results.value += 1


def _abandoned() -> bool:
    bench = multiprocessing.parent_process()
    return bench is None or not bench.is_alive()


def _end(process: SpawnProcess) -> None:
    process.terminate()
    process.join(_END_S)
