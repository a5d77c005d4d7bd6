"""What the demo tries on a secure Kafka, and that it tells what should have been refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.kafka.secure import ADMIN
from schemas.access import Grant, load_roles
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, POLICY, RAW, RECORDINGS
from scripts.cli import Cluster
from scripts.demonstration.acting import CommandOutcome
from scripts.demonstration.environment import DemoEnvironment
from scripts.demonstration.security import (
    Refusal,
    SecurityReport,
    give_rights,
    look_at_security,
    refusals,
)
from scripts.processes.secure_kafka import variables
from streams.clients import RawAudioProducer
from streams.kafka.access import grant, grants_of, revoke
from streams.kafka.topics import apply_topics
from streams.security.sealing.slot_file import SlotFile
from tests.support import events
from tests.support.brokers import Namespace
from tests.support.secure_kafka import SecureKafka

GOOD = CommandOutcome("worker", "doctor", 0, "nothing failed")
ALL = (RAW, RECORDINGS, COMPRESSED, DEAD_LETTER, POLICY, AUDIT)
DENIED = Refusal("consumer", "read audio.raw", "not allowed")


def test_what_is_not_as_it_has_to_be_is_a_fault() -> None:
    assert SecurityReport([GOOD], [DENIED], ["an entry"]).faults == []
    broken = SecurityReport([replace(GOOD, code=1, output="a line\nwhy")], [replace(DENIED, answer=None)], [])
    assert broken.faults == [
        "doctor of worker failed: why",
        "consumer was not refused: read audio.raw",
        "the audit has no entry",
    ]


@pytest.fixture
async def environment(
    secure_kafka: SecureKafka, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DemoEnvironment]:
    """The environment of a demo with a call and its result, whose accounts have no rights yet."""
    for name in variables(secure_kafka.cluster, ADMIN):
        monkeypatch.delenv(name, raising=False)
    cluster = Cluster(secure_kafka.admin, namespace.prefix, namespace.group)
    accounts = list(load_roles())
    await revoke(secure_kafka.admin, await grants_of(secure_kafka.admin, accounts))
    await apply_topics(cluster.connection, cluster.prefix, cluster.group)
    producer = cluster.connection.producer()
    await producer.start()
    try:
        record = events.COMPRESSED.to_record()
        await producer.send_and_wait(
            cluster.topic(COMPRESSED), record.value, key=record.key, headers=list(record.headers)
        )
    finally:
        await producer.stop()
    stores = f"file://{tmp_path}/objects"
    made = DemoEnvironment("demo", tmp_path, cluster, None, tmp_path / "state", None, stores, secure_kafka.cluster)
    SlotFile.make(made.key_store)
    yield made
    await revoke(secure_kafka.admin, await grants_of(secure_kafka.admin, accounts))


@pytest.mark.timeout(300)
async def test_accounts_do_what_they_may_and_nothing_else(
    environment: DemoEnvironment, secure_kafka: SecureKafka
) -> None:
    said: list[str] = []
    await asyncio.to_thread(give_rights, environment, said.append)
    report = await asyncio.to_thread(look_at_security, environment, said.append)
    assert report.faults == []
    assert len(said) == 3
    summaries = {one.command.partition(" ")[0]: one.summary for one in report.commands}
    assert summaries["doctor"].startswith("nothing failed")
    assert summaries["lag"] == "0 records wait"
    assert "the first 4 are signed" in summaries["audit"]
    actions = Counter(line.split("  ")[1] for line in report.entries)
    assert actions == {"access-grant": 2, "listen": 1, "dead-letters-show": 1}
    denied = {(one.account, one.act): one.answer or "" for one in report.refusals}
    assert "refuses the account worker, or its password" in denied.pop(("worker", "log in with a wrong password"))
    topics = [("consumer", RAW), *(("telephony", name) for name in sorted(ALL))]
    assert sorted(denied) == [(account, f"read {topic}") for account, topic in topics]
    assert all("lacks a right to the topic" in answer for answer in denied.values())
    await _found_where_it_is_allowed(environment, secure_kafka)


async def _found_where_it_is_allowed(environment: DemoEnvironment, secure_kafka: SecureKafka) -> None:
    topic = environment.cluster.topic(RAW)
    async with RawAudioProducer(environment.cluster_of("telephony").connection, topic) as producer:
        await producer.send(events.RAW)
    surplus = Grant("consumer", "topic", topic, prefixed=False, operation="Read")
    await grant(secure_kafka.admin, [surplus])
    async with asyncio.timeout(60):
        while surplus not in await grants_of(secure_kafka.admin, ["consumer"]):
            await asyncio.sleep(0.1)
    allowed = [one for one in await refusals(environment) if one.answer is None]
    assert allowed == [Refusal("consumer", "read audio.raw", None)]
