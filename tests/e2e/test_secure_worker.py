"""A worker with an account that has the rights of its role and no others, on a Kafka that allows nothing else."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import CompressedAudio, MediaType, RawAudio
from schemas.access import load_roles
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from scripts.processes import secure_kafka as accounts
from streams.clients import CompressedAudioConsumer, RawAudioProducer
from streams.clients.dead_letters import DeadLetterReader
from streams.kafka.access import revoke
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker
from tests.support import events
from tests.support.brokers import Namespace
from tests.support.secure_kafka import SecureKafka

SOON = 60.0
TOKEN = "an-operators-token-1234"  # noqa: S105  of nobody
CALLS = [replace(events.RAW, id=str(number), call_id=f"call-{number}") for number in range(12)]
REFUSED = replace(events.RAW, id="refused", call_id="call-0", media_type=MediaType("audio/flac"), audio=b"no FLAC")


@pytest.fixture
async def worker(secure_kafka: SecureKafka, namespace: Namespace, tmp_path: Path) -> AsyncIterator[Worker]:
    await apply_topics(secure_kafka.admin, namespace.prefix, namespace.group)
    for role in load_roles():
        await secure_kafka.grant(role, role, namespace)
    settings = accounts.variables(secure_kafka.cluster, "worker")
    made = Worker(
        settings.pop("KAFKA_BOOTSTRAP_SERVERS"),
        namespace.prefix,
        namespace.group,
        tmp_path,
        AUDIO_ADMIN_TOKEN=TOKEN,
        AUDIO_LOG_LEVEL="debug",
        **settings,
    )
    yield made
    if made.starts and made.alive:
        made.kill()
    for role in load_roles():
        await revoke(secure_kafka.admin, load_roles()[role].grants(role, namespace.prefix, namespace.group))


async def send(kafka: SecureKafka, namespace: Namespace, *calls: RawAudio) -> None:
    async with RawAudioProducer(kafka.logged_in("telephony"), f"{namespace.prefix}{RAW}") as producer:
        for one in calls:
            await producer.send(one)


async def test_calls_come_out_once_also_over_a_kill(
    worker: Worker, secure_kafka: SecureKafka, namespace: Namespace
) -> None:
    worker.start()
    await asyncio.to_thread(worker.wait_ready)
    await send(secure_kafka, namespace, *CALLS[:6], REFUSED)
    worker.kill()
    await send(secure_kafka, namespace, *CALLS[6:])
    worker.start()
    found: list[str] = []
    async with (
        asyncio.timeout(SOON),
        CompressedAudioConsumer(
            secure_kafka.logged_in("consumer"),
            f"{namespace.prefix}{COMPRESSED}",
            group_id=f"consumer-{namespace.group}",
            from_beginning=True,
        ) as consumer,
    ):
        while len(found) < len(CALLS):
            result = await anext(consumer)
            assert isinstance(result, CompressedAudio)
            found.append(result.causation_id)
    assert sorted(found, key=int) == [one.id for one in CALLS]
    async with DeadLetterReader(secure_kafka.logged_in("operator"), f"{namespace.prefix}{DEAD_LETTER}") as reader:
        [letter] = [one async for one in reader.all()]
    assert letter is not None
    await asyncio.to_thread(worker.wait_ready)
    assert worker.stop() == 0


async def test_nothing_of_a_worker_shows_its_password(
    worker: Worker, secure_kafka: SecureKafka, namespace: Namespace
) -> None:
    worker.start()
    await asyncio.to_thread(worker.wait_ready)
    await send(secure_kafka, namespace, CALLS[0], REFUSED)
    request = urllib.request.Request(
        f"http://127.0.0.1:{worker.port}/admin/audio/status", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
        status = json.load(answer)
    assert status["settings"]["KAFKA_SASL_PASSWORD"] is True
    command = Path(f"/proc/{worker.process.pid}/cmdline").read_text()
    assert worker.stop() == 0
    security = secure_kafka.cluster.security
    assert security is not None
    password = security.password_file("worker").read_text()
    assert password not in worker.log.read_text() + json.dumps(status) + command


def test_files_with_secrets_are_for_their_owner_alone(secure_kafka: SecureKafka) -> None:
    security = secure_kafka.cluster.security
    assert security is not None
    directory = security.authorities.parent
    assert directory.stat().st_mode & 0o077 == 0
    assert [file.name for file in directory.iterdir() if file.stat().st_mode & 0o077] == []
    settings = directory.parent / "node-1" / "broker.properties"
    assert settings.stat().st_mode & 0o077 == 0
