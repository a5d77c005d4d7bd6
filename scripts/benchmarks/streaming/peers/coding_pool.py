"""The thread pool of the loops that are written by hand on confluent-kafka."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import KafkaException, Message

from scripts.benchmarks.streaming.coding import ENCODER_HEADER, encode
from scripts.benchmarks.streaming.peers.arguments import THREADS

_IN_POOL = 128


class CodingPool:
    """Codes what messages hold, and gives it back in the messages' order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)
        self._jobs: deque[tuple[Message, Future[bytes]]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def room(self) -> int:
        """How many more messages it takes."""
        return _IN_POOL - len(self._jobs)

    @property
    def first_done(self) -> bool:
        """Whether there is a first message, and its file is done."""
        return bool(self._jobs) and self._jobs[0][1].done()

    def add(self, messages: Iterable[Message]) -> None:
        """Take messages as they were consumed.

        Raises:
            KafkaException: For one that is an error.
        """
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            encoder = dict(message.headers())[ENCODER_HEADER]
            self._jobs.append((message, self._pool.submit(encode, message.value(), encoder)))

    def wait_for_first(self) -> None:
        """Wait until the first message's file is done."""
        self._jobs[0][1].result()

    def pop(self) -> tuple[Message, bytes]:
        """Take the first message out, with its file, which is waited for."""
        message, file = self._jobs.popleft()
        return message, file.result()
