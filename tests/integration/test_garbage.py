"""The garbage collection on a genuine Kafka: what records, dead letters and the archive name stays, the rest goes."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from schemas import DeadLetter, Position, Record, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, RECORDINGS
from scripts.commands import stores as command
from streams.archive.writer import ArchiveWriter, CommittedResult
from streams.clients.track_parts import Segment
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.stores import Stores, StoresConfiguration, content_key
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED_BY_REFERENCE, RAW_BY_REFERENCE

TWO_DAYS = 2 * 86_400


class Content:
    """Objects below sha256/ in a local directory, and the records that name them."""

    def __init__(self, root: Path, stores: Stores) -> None:
        self.root = root
        self.stores = stores

    def put(self, name: str, *, age: float = TWO_DAYS) -> tuple[str, str]:
        """Store content that was last written some seconds ago; returns its reference and digest."""
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        reference = self.stores.put(content_key(sha256), name.encode())
        written = time.time() - age
        os.utime(self.root / reference.key, (written, written))
        return reference.text, sha256

    def input(self, name: str) -> Record:
        """An input that names content."""
        data_ref, sha256 = self.put(name)
        return replace(RAW_BY_REFERENCE, data_ref=data_ref, data_sha256=sha256).to_record()

    def result(self, name: str) -> Record:
        """A result that names content."""
        data_ref, sha256 = self.put(name)
        return replace(COMPRESSED_BY_REFERENCE, data_ref=data_ref, data_sha256=sha256, data_bytes=len(name)).to_record()

    def names(self) -> set[str]:
        return {path.read_text() for path in (self.root / "sha256").rglob("*") if path.is_file()}


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Content]:
    root = tmp_path / "stores"
    monkeypatch.setenv("AUDIO_STORES", f"file://{root}")
    stores = Stores.of(StoresConfiguration.parse(f"file://{root}"))
    yield Content(root, stores)
    stores.close()


class Installation:
    """The topics of a test, and the command on them."""

    def __init__(self, broker: Broker, namespace: Namespace, producer: AIOKafkaProducer) -> None:
        self.connection = KafkaConnection(broker.bootstrap_servers)
        self.namespace = namespace
        self.producer = producer
        self._where = [
            *("--bootstrap-servers", broker.bootstrap_servers),
            *("--topic-prefix", namespace.prefix, "--group", namespace.group),
        ]

    async def write(self, topic: str, *records: Record, commit: bool = True) -> None:
        """Write records in one transaction."""
        await self.producer.begin_transaction()
        for one in records:
            name = f"{self.namespace.prefix}{topic}"
            await self.producer.send_and_wait(name, one.value, key=one.key, headers=list(one.headers))
        await (self.producer.commit_transaction() if commit else self.producer.abort_transaction())

    async def processed(self, topic: str) -> None:
        """Commit the workers' offsets: every input has its outcome."""
        consumer = self.connection.consumer(group_id=self.namespace.group, enable_auto_commit=False)
        await consumer.start()
        places = [TopicPartition(f"{self.namespace.prefix}{topic}", number) for number in range(8)]
        consumer.assign(places)
        await consumer.commit(await consumer.end_offsets(places))
        await consumer.stop()

    async def gc(self, *arguments: str) -> int:
        return await asyncio.to_thread(command.main, ["gc", *arguments, *self._where])


@pytest.fixture
async def installation(broker: Broker, namespace: Namespace) -> AsyncIterator[Installation]:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{namespace.prefix}garbage"
    )
    await producer.start()
    yield Installation(broker, namespace, producer)
    await producer.stop()


async def test_what_anything_names_stays_and_what_aborted_attempts_left_goes(
    installation: Installation, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    await installation.write(RECORDINGS, content.input("recording"))
    await installation.write(RAW, content.input("live input"))
    for topic in (RAW, RECORDINGS):
        await installation.processed(topic)
    await installation.write(COMPRESSED, content.result("result"))
    await installation.write(COMPRESSED, content.result("result of an aborted attempt"), commit=False)
    reason = Rejection("fetch", "ObjectTooLarge", "ce_dataref", "is too large")
    letter = DeadLetter(content.input("refused input"), Position(RECORDINGS, 1, 2), reason)
    await installation.write(DEAD_LETTER, letter.to_record())
    archived = content.result("archived result, which its topic has forgotten")
    event = replace(COMPRESSED_BY_REFERENCE, data_ref=dict(archived.headers)["ce_dataref"].decode())  # type: ignore[union-attr]
    segment = Segment(event, Position(COMPRESSED, 1, 2), 1_796_000_000_000, event.sha256)
    ArchiveWriter(content.stores).store([CommittedResult(segment, archived)])
    content.put("left behind")
    content.put("left behind a moment ago", age=60)
    stay = {
        *("recording", "live input", "result", "refused input"),
        *("archived result, which its topic has forgotten", "left behind a moment ago"),
    }
    go = {"result of an aborted attempt", "left behind"}

    assert await installation.gc("--dry-run") == 0
    assert content.names() == stay | go
    assert await installation.gc() == 0
    assert content.names() == stay
    assert await installation.gc("--older-than", "1h") == 0
    assert content.names() == stay
    assert "8 stored below sha256/, 2 objects that nothing names (39 bytes)" in capsys.readouterr().out


async def test_what_may_be_stored_again_by_an_input_that_waits_stays(
    installation: Installation, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    await installation.write(RECORDINGS, content.input("recording"))
    content.put("left behind before it", age=TWO_DAYS)
    content.put("left behind by an attempt at it", age=-60)  # stored after the input was written
    assert await installation.gc() == 0
    assert content.names() == {"recording", "left behind by an attempt at it"}
    await installation.processed(RECORDINGS)
    await installation.write(COMPRESSED, content.result("result"))
    assert await installation.gc() == 0
    assert "result" in content.names()


async def test_less_than_an_hour_is_refused(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        await installation.gc("--older-than", "59m")
    assert "is less than an hour" in capsys.readouterr().err
