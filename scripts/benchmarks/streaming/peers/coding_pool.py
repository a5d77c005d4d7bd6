"""The thread pool of the hand-written loops on confluent-kafka."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import KafkaException, Message

from scripts.benchmarks.streaming.coding import ENCODER_HEADER, encode
from scripts.benchmarks.streaming.peers.arguments import THREADS

_IN_POOL = 128


class CodingPool:
    """Encodes the values of messages in threads, and returns the files in the messages' order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)
        self._jobs: deque[tuple[Message, Future[bytes]]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def room(self) -> int:
        """Number of further messages that it accepts."""
        return _IN_POOL - len(self._jobs)

    @property
    def first_done(self) -> bool:
        """Whether there is a first message whose file is ready."""
        return bool(self._jobs) and self._jobs[0][1].done()

    def add(self, messages: Iterable[Message]) -> None:
        """Add messages in the order in which they were consumed.

        Raises:
            KafkaException: For one that is an error.
        """
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            encoder = dict(message.headers())[ENCODER_HEADER]
            self._jobs.append((message, self._pool.submit(encode, message.value(), encoder)))

    def wait_for_first(self) -> None:
        """Wait until the first message's file is ready."""
        self._jobs[0][1].result()

    def pop(self) -> tuple[Message, bytes]:
        """Wait for the first message's file; remove and return both."""
        message, file = self._jobs.popleft()
        return message, file.result()
