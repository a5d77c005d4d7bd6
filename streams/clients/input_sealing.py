"""The keys with which a producer seals its inputs."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from schemas import RawAudio, Record
from streams.clients.errors import KeysUnavailableError
from streams.sealing.key_maker import KeyMaker
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.known_keys import Epoch, KnownKeys
from streams.security.sealing.missing import Missing
from streams.security.sealing.wrapped_key import Owner

_LOOK_INTERVAL = 0.5  # seconds between two looks at the key store, as the workers' key ring


class _Epochs:
    """The epochs of a key store. A producer does not read the topic of keys, so it knows of no erasure."""

    def __init__(self, open_store: Callable[[], KeyStore]) -> None:
        self._keys = KnownKeys(open_store)
        self._read = -_LOOK_INTERVAL

    async def refresh(self, *, at_once: bool = False) -> None:
        """Read the key store, unless that was done a moment ago, or `at_once`.

        Raises:
            KeyStoreError: If it cannot be used.
        """
        if at_once or time.monotonic() - self._read >= _LOOK_INTERVAL:
            await asyncio.to_thread(self._keys.read_epochs)
            self._read = time.monotonic()

    @property
    def newest(self) -> Epoch | Missing:
        """The epoch for new keys."""
        return self._keys.newest or Missing.NO_ACCESS

    def is_erased(self, key_id: bytes) -> bool:  # noqa: ARG002  see the class
        """False: what is sealed under a key that was erased meanwhile is erased as well."""
        return False


class InputSealer:
    """Makes a key for each call, and writes it before anything is sealed under it.

    The key's record is acknowledged by all in-sync replicas before the first input of the call is sent; so it needs no
    transaction, and no input is ever without its key.

    Args:
        producer: Sends the keys.
        topic: Full name of the topic of keys.
        open_store: Opens the key store.
        retention: How long a key opens what it seals; None until it is erased.
        timeout: Seconds for the brokers to acknowledge a key.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        open_store: Callable[[], KeyStore],
        retention: timedelta | None,
        timeout: float,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._epochs = _Epochs(open_store)
        self._maker = KeyMaker(self._epochs)
        self._retention = retention
        self._timeout = timeout
        self._partitioner = DefaultPartitioner()
        self._writing: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def key_for(self, event: RawAudio, topic: str) -> tuple[DataKey, int]:
        """The key of an input's call, which is in the topic of keys, and the partition of both.

        Args:
            event: The input.
            topic: Full name of its topic.

        Raises:
            KeysUnavailableError: If the key store cannot be used: then nothing may be sent.
            KafkaError: If the brokers do not acknowledge the key.
        """
        partitions = sorted(await self._producer.partitions_for(topic))
        partition: int = self._partitioner(event.call_id.encode(), partitions, partitions)
        async with self._writing[partition]:
            try:
                return await self._written_key(_owner(event), partition), partition
            except KeyStoreError as error:
                raise KeysUnavailableError(f"nothing is sealed, and nothing sent: {error}") from error

    async def _written_key(self, owner: Owner, partition: int) -> DataKey:
        """A call's key, written while its epoch was the newest one: so a turn has moved it, or will.

        A process that froze before it wrote the key may do so when the epoch's key is destroyed already.
        """
        await self._epochs.refresh()
        while True:
            epoch = self._epochs.newest
            made = self._maker.key_for(owner, self._expires_ms(), partition)
            if isinstance(made, Missing):
                raise KeysUnavailableError("nothing is sealed, and nothing sent: the key store has no key of an epoch")
            key, record = made
            if record is None:
                return key
            await self._write(record, partition)
            await self._epochs.refresh(at_once=True)
            if self._epochs.newest == epoch:
                self._maker.written([key.id])
                return key
            self._maker.forget_unwritten()

    async def _write(self, record: Record, partition: int) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._producer.send_and_wait(self._topic, record.value, key=record.key, partition=partition)
        except BaseException:  # whether it was written is unknown: the next input gets another key
            self._maker.forget_unwritten()
            raise

    def _expires_ms(self) -> int:
        if self._retention is None:
            return 0
        return round((time.time() + self._retention.total_seconds()) * 1000)


def _owner(event: RawAudio) -> Owner:
    return Owner(event.hotel_id, event.call_id, event.guest_ref or "")
