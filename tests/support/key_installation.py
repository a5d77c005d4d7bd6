"""An installation with keys of calls on genuine Kafka, and the commands that erase and turn them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

from schemas import Record
from schemas.audit import AuditEntry
from schemas.topics import KEYS
from scripts.audit_trail.reading import AuditReader
from scripts.cli import Cluster
from scripts.commands import audit, erase
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import INDEX_EPOCH
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import ErasedMark, Owner, WrappedKey, parse, unwrap, wrap
from tests.support.brokers import Broker, Namespace

LISBON = ("--hotel", "lisbon")


class Installation:
    """Topics, a key store and keys of calls in them."""

    def __init__(self, cluster: Cluster, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.cluster, self.path, self.capsys = cluster, path, capsys
        self.store = SlotFile.make(path)
        self.options = [
            f"--bootstrap-servers={cluster.bootstrap_servers}",
            f"--topic-prefix={cluster.prefix}",
            f"--group={cluster.group}",
        ]

    @classmethod
    async def of(
        cls,
        broker: Broker,
        namespace: Namespace,
        directory: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> Self:
        """An installation that has topics, and its key store in a directory, which commands find."""
        cluster = Cluster(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
        await apply_topics(cluster.connection, cluster.prefix, cluster.group)
        monkeypatch.setenv("AUDIO_KEY_STORE", f"file://{directory}/keys")
        return cls(cluster, directory / "keys", capsys)

    async def command(self, main: Callable[[Sequence[str]], int], *arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, [*arguments, *self.options])
        return code, *self.capsys.readouterr()

    def record(self, owner: Owner, epoch: int = 0, expires_ms: int = 0) -> tuple[DataKey, Record]:
        """A new key of a call, as a worker writes it."""
        key, epoch = DataKey.new(), epoch or self.store.epochs()[-1]
        value = wrap(
            key, owner, store=self.store.id, epoch=epoch, epoch_key=self.store.read(epoch),
            index_key=self.store.read(INDEX_EPOCH), created_ms=1_700_000_000_000, expires_ms=expires_ms,
        )  # fmt: skip
        return key, Record(key.id, value)

    async def write(self, topic: str, *records: Record) -> None:
        producer = self.cluster.connection.producer()
        await producer.start()
        try:
            for number, one in enumerate(records):
                partition = number % 4 if topic == KEYS else 0
                await producer.send_and_wait(
                    self.cluster.topic(topic), one.value, key=one.key, partition=partition, headers=list(one.headers)
                )
        finally:
            await producer.stop()

    async def keys(self) -> dict[bytes, bytes]:
        """What the topic has of each key, once no transaction is open."""
        async with KafkaKeyLog(self.cluster.connection, self.cluster.topic(KEYS), "none") as log:
            parts = [part async for part in log.between({}, await log.ends())]
        return {entry.key: entry.value or b"" for part in parts for entry in part}

    async def opens(self, *keys: DataKey) -> list[bool]:
        known = await self.keys()
        return [self.opened(key, known[key.id]) for key in keys]

    def opened(self, key: DataKey, value: bytes) -> bool:
        wrapped = parse(value)
        if isinstance(wrapped, ErasedMark):
            return False
        assert isinstance(wrapped, WrappedKey)
        found = unwrap(key.id, wrapped, self.store.read(wrapped.epoch))
        return isinstance(found, tuple) and found[0] == key

    async def entries(self) -> list[AuditEntry]:
        found: list[bytes] = []
        async with AuditReader(self.cluster, lambda value: found.append(value or b"")) as reader:
            await reader.read()
        fields = [json.loads(value) for value in found]
        return [AuditEntry.from_fields(one) for one in fields if one["event.action"] != "audit-head"]

    async def sign(self, *signing: str) -> None:
        assert await asyncio.to_thread(audit.main, ["sign", *signing, *self.options]) == 0

    async def erased(self, *arguments: str) -> tuple[int, str, str]:
        return await self.command(erase.main, *LISBON, *arguments, "--yes")
