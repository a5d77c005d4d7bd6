"""The data keys of the topic ``audio.keys``, as they are now."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.known_keys import Epoch, KeyCounts, KnownKeys
from streams.security.sealing.missing import Missing

log = logging.getLogger(__name__)

#: Seconds after which an erasure might be unknown, so that no key is used any more.
STALE_AFTER = 5.0
#: Seconds between two looks at the ends of the partitions and at the key store.
_LOOK_INTERVAL = 0.5
_POLL_MS = 100
#: Short, because the request for the ends waits until a pending fetch is answered.
_FETCH_MAX_WAIT_MS = 100
_FETCH_BYTES = 4 * 2**20
#: Milliseconds until partitions are found that were added to the topic.
_METADATA_MAX_AGE_MS = 5_000


class Look(NamedTuple):
    """What the last look at the topic and the key store found.

    Attributes:
        seen: When it began, by the monotonic clock; all that was committed before is known. None before the first.
        problem: Why the last one failed; None if it did not.
        store_failed: Whether that was because of the key store.
    """

    seen: float | None = None
    problem: str | None = None
    store_failed: bool = False


class KeyRing:
    """Follows the topic of keys in a task of its own, and finds the keys in it.

    It reads committed records of all partitions from the beginning, without a consumer group. A million keys take about
    350 MB of memory. What it finds is never older than `STALE_AFTER`: a look at the topic counts from when it was asked
    for, so that a process that was frozen knows that its view is old.

    Args:
        connection: The cluster.
        topic: Full name of the topic.
        open_store: Opens the key store; called again until it succeeds. Raises KeyStoreError.

    Attributes:
        looks: How often everything was read that was there.
        settled: Monotonic seconds: all keys that were written before then are known, and no open transaction has more.
    """

    def __init__(self, connection: KafkaConnection, topic: str, open_store: Callable[[], KeyStore]) -> None:
        self._connection = connection
        self._topic = topic
        self._keys = KnownKeys(open_store)
        self._look = Look()
        self.looks = 0
        self.settled = -math.inf
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def age(self) -> float:
        """Seconds since everything was known that was in topic and key store; infinite before the first time."""
        seen = self._look.seen
        return float("inf") if seen is None else time.monotonic() - seen

    @property
    def missing(self) -> Missing | None:
        """Why no key can be used or made now; None if they can."""
        if self.age <= STALE_AFTER:
            return None
        return Missing.NO_ACCESS if self._look.store_failed else Missing.STALE

    @property
    def problem(self) -> str | None:
        """Why no key can be used or made now, for whoever operates this; None if they can."""
        if self.missing is None:
            return None
        seen = "never" if self._look.seen is None else f"{self.age:.0f} s ago"
        return self._look.problem or f"{self._topic} was last read to its end {seen}"

    @property
    def counts(self) -> KeyCounts:
        """How many keys are known."""
        return self._keys.counts

    @property
    def epoch_age(self) -> float:
        """Seconds since the first key of the newest epoch was written; 0 before there is one."""
        return self._keys.epoch_age

    @property
    def newest(self) -> Epoch | Missing:
        """The epoch for new keys, or why no key can be made now."""
        return self.missing or self._keys.newest or Missing.STALE

    def ready(self) -> bool:
        """Whether keys can be used and made now."""
        return self.missing is None

    def find(self, key_id: bytes) -> DataKey | Missing:
        """The key of an id, or why there is none. Thread-safe, and without any input or output."""
        found = self._keys.find(key_id)
        return found if found is Missing.ERASED else self.missing or found

    def is_erased(self, key_id: bytes) -> bool:
        """Whether a key is known to be erased. Thread-safe."""
        return self._keys.is_erased(key_id)

    def gone(self, key_id: bytes) -> Missing | None:
        """Whether a key is known to be erased or expired, as `KnownKeys.gone`. Thread-safe."""
        return self._keys.gone(key_id)

    async def start(self) -> None:
        """Read the topic to its end, and follow it from then on, in a task of its own.

        Raises:
            KeyStoreError: If the key store cannot be used.
            aiokafka.errors.KafkaError: If the topic cannot be read.
        """
        self._task = asyncio.create_task(self.run(), name="key ring")
        await self._looked.wait()
        if self._look.seen is None:
            problem = self._look.problem
            await self.stop()
            raise KeyStoreError(problem) if self._look.store_failed else KafkaError(problem)

    async def stop(self) -> None:
        """Follow the topic no more; what is known grows stale."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def run(self) -> None:
        """Follow the topic forever, and wait for whatever is missing: brokers, the topic or the key store."""
        while True:
            consumer = self._connection.consumer(
                self._topic,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
                max_partition_fetch_bytes=_FETCH_BYTES,
                metadata_max_age_ms=_METADATA_MAX_AGE_MS,
            )
            try:
                await consumer.start()
            except KafkaError as error:
                self._failed(f"{self._topic} cannot be read: {error}", store_failed=False)
                await asyncio.sleep(_LOOK_INTERVAL)
            else:
                await self._follow(consumer)
            finally:
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> NoReturn:
        while True:
            try:
                began = await self._look_once(consumer)
                await self._read_for(consumer, _LOOK_INTERVAL)
                if await _has_read(consumer, _written(consumer)):
                    self.settled = began
            except KeyStoreError as error:
                self._failed(str(error), store_failed=True)
                await asyncio.sleep(_LOOK_INTERVAL)
            except KafkaError as error:
                self._failed(f"{self._topic} cannot be read: {error}", store_failed=False)
                await asyncio.sleep(_LOOK_INTERVAL)

    def _failed(self, problem: str, *, store_failed: bool) -> None:
        if problem != self._look.problem:
            log.warning("keys of sealed calls: %s", problem)
        self._look = Look(self._look.seen, problem, store_failed)
        self._looked.set()

    async def _look_once(self, consumer: AIOKafkaConsumer) -> float:
        """Read everything that is in the key store and the topic when this begins; returns when that was."""
        began = time.monotonic()
        await asyncio.to_thread(self._keys.read_epochs)
        ends = await consumer.end_offsets(consumer.assignment())
        while not await _has_read(consumer, ends):
            await self._apply(await consumer.getmany(timeout_ms=_POLL_MS))
        self._keys.require_own_store()
        self._look = Look(began)
        self.looks += 1
        self._looked.set()
        return began

    async def _read_for(self, consumer: AIOKafkaConsumer, seconds: float) -> None:
        """Apply what comes meanwhile: an erasure takes effect at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await self._apply(await consumer.getmany(timeout_ms=round(left * 1000)))

    async def _apply(self, batches: Mapping[TopicPartition, Iterable[ConsumerRecord]]) -> None:
        messages = [message for batch in batches.values() for message in batch]
        if any(self._keys.needs_epochs(message.value) for message in messages if not isinstance(message, Unreadable)):
            with contextlib.suppress(KeyStoreError):  # the next look says so
                await asyncio.to_thread(self._keys.read_epochs)
        for message in messages:
            refused = message.rejection if isinstance(message, Unreadable) else None
            refused = refused or self._keys.apply(message.key, message.value, message.timestamp)
            if refused is not None:
                place = f"{message.topic}-{message.partition} at offset {message.offset}"
                log.warning("%s: %s %s", place, refused.field, refused.message)


def _written(consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, int]:
    """The ends of the partitions as the brokers told lately, with what is not committed yet."""
    return {partition: consumer.highwater(partition) or 0 for partition in consumer.assignment()}


async def _has_read(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])
