"""Every right of a role is needed: without any one of them, its holder cannot do its work."""

import asyncio
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import MediaType, Policy, PolicyEvent
from schemas.access import Grant, load_roles
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, KEYS, POLICY, RAW, load_topics
from scripts.cli import Cluster
from streams.clients import RawAudioProducer
from streams.kafka.access import grant, grants_of
from streams.kafka.protocol.alter_configs import IncrementalAlterConfigs
from streams.kafka.topic_admin import connected_admin
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker
from tests.support.brokers import Namespace
from tests.support.role_work import CALL, WORK
from tests.support.secure_kafka import SecureKafka

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

WITHIN = 60.0  # seconds for work that is not allowed: some clients try it again and again
AT_ONCE = 4
FLAC = MediaType("audio/flac")
#: Noise of a second, which is worth keeping.
PROMPT = replace(CALL, channel="prompt", audio=random.Random(1).randbytes(8000))


async def allow(kafka: SecureKafka, account: str, grants: Sequence[Grant]) -> None:
    """Grant rights and wait until they hold."""
    await grant(kafka.admin, grants)
    while set(grants) - set(await grants_of(kafka.admin, [account])):
        await asyncio.sleep(0.1)


async def filled(kafka: SecureKafka, namespace: Namespace) -> None:
    """Topics with a waiting input, a result, a dead letter and a key."""
    await apply_topics(kafka.admin, namespace.prefix, namespace.group)
    async with RawAudioProducer(kafka.admin, f"{namespace.prefix}{RAW}") as producer:
        await producer.send(CALL)
    producer = kafka.admin.producer()
    await producer.start()
    try:
        for name in (COMPRESSED, DEAD_LETTER, KEYS):
            await producer.send_and_wait(f"{namespace.prefix}{name}", b"1", key=b"call-1")
    finally:
        await producer.stop()


async def with_other_settings(kafka: SecureKafka, namespace: Namespace) -> None:
    """Topics of an earlier release, whose settings have to be changed."""
    await apply_topics(kafka.admin, namespace.prefix, namespace.group)
    names = [spec.resolve(namespace.prefix, namespace.group) for spec in load_topics()]
    async with connected_admin(kafka.admin) as admin:
        changes = {name: {"compression.type": "producer"} for name in names}
        await admin._send_request(IncrementalAlterConfigs(changes))  # noqa: SLF001  no public one


async def works(kafka: SecureKafka, role: str, account: str, grants: Sequence[Grant], namespace: Namespace) -> bool:
    """Whether an account can do a role's work with these rights."""
    await allow(kafka, account, [replace(one, account=account) for one in grants])
    try:
        async with asyncio.timeout(WITHIN):
            await WORK[role](Cluster(kafka.connection(account), namespace.prefix, namespace.group), account)
    except Exception as error:  # noqa: BLE001  of whatever kind, as long as it is one
        print(f"{account}: {error!r}")
        return False
    return True


@pytest.mark.parametrize("role", list(WORK))
async def test_each_right_is_needed(secure_kafka: SecureKafka, namespace: Namespace, role: str) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    if role != "admin":
        await filled(secure_kafka, namespace)

    async def without(number: int | None) -> bool:
        account = f"{namespace.group}-{role}-{'all' if number is None else number}"
        # An admin makes an installation: each attempt has one of its own.
        own = replace(namespace, prefix=f"{namespace.prefix}{number}.") if role == "admin" else namespace
        grants = load_roles()[role].grants(account, own.prefix, own.group)
        kept = [one for at, one in enumerate(grants) if at != number]
        async with limit:
            if role == "admin" and number is not None and grants[number].operation == "AlterConfigs":
                await with_other_settings(secure_kafka, own)
            return await works(secure_kafka, role, account, kept, own)

    assert await without(None), "the role cannot do its work with all its rights"
    grants = load_roles()[role].grants(role, namespace.prefix, namespace.group)
    found = await asyncio.gather(*(without(number) for number in range(len(grants))))
    needless = [str(one) for one, worked in zip(grants, found, strict=True) if worked]
    assert not needless, "\n".join(needless)


async def test_a_worker_needs_each_of_its_rights(
    secure_kafka: SecureKafka, namespace: Namespace, tmp_path: Path
) -> None:
    await apply_topics(secure_kafka.admin, namespace.prefix, namespace.group)
    limit = asyncio.Semaphore(AT_ONCE)

    async def without(number: int | None) -> bool:
        """Whether a worker alone in a group compresses a call twice and refuses a record."""
        name = f"{namespace.group}-{'all' if number is None else number}"
        own = Namespace(f"{namespace.prefix}{number}.", name)
        grants = load_roles()["worker"].grants(name, own.prefix, own.group)
        async with limit:
            await apply_topics(secure_kafka.admin, own.prefix, own.group)
            await allow(secure_kafka, name, [one for at, one in enumerate(grants) if at != number])
            return await serves(secure_kafka, own, name, tmp_path / name)

    assert await without(None), "a worker does not work with all its rights"
    grants = load_roles()["worker"].grants("worker", namespace.prefix, namespace.group)
    found = await asyncio.gather(*(without(number) for number in range(len(grants))))
    needless = [str(one) for one, worked in zip(grants, found, strict=True) if worked]
    assert not needless, "\n".join(needless)


async def serves(kafka: SecureKafka, own: Namespace, account: str, directory: Path) -> bool:
    """Whether a worker compresses and archives a prompt, keeps it in its table, and refuses a record."""
    variables = kafka.variables(account) | {"AUDIO_STORES": f"file://{directory}/stores"}
    await archive_all(kafka, own)
    variables |= {"AUDIO_ADMIN_TOKEN": "nobody-has-this-token"}
    worker = Worker(variables.pop("KAFKA_BOOTSTRAP_SERVERS"), own.prefix, own.group, directory, **variables)
    worker.start()
    try:
        async with asyncio.timeout(WITHIN):
            await ready(worker)
            async with RawAudioProducer(kafka.admin, f"{own.prefix}{RAW}") as producer:
                for number in range(3):
                    await producer.send(replace(PROMPT, id=str(number), sequence=number))
                    await read(kafka, f"{own.prefix}{COMPRESSED}", number + 1)
                while not list((directory / "stores").rglob("archive/**/*.json")):
                    await asyncio.sleep(0.2)
                await producer.send(replace(PROMPT, id="bad", audio=b"not a FLAC file", media_type=FLAC))
            await read(kafka, f"{own.prefix}{DEAD_LETTER}", 1)
            assert worker.get("/admin/audio/status")[0] == 401
            await read(kafka, f"{own.prefix}{AUDIT}", 1)
            await asyncio.to_thread(worker.stop)
            shutil.rmtree(worker.state)  # the table has to be read from Kafka
            worker.start()
            await ready(worker)
            return await entries(kafka, f"{own.prefix}{own.group}-audio-cache-changelog") > 0
    except (TimeoutError, AssertionError):
        return False
    finally:
        worker.kill()


async def archive_all(kafka: SecureKafka, own: Namespace) -> None:
    """Set a policy by which the prompt's hotel archives."""
    record = PolicyEvent(PROMPT.hotel_id, Policy(1, archive=True)).to_record()
    producer = kafka.admin.producer()
    await producer.start()
    try:
        await producer.send_and_wait(f"{own.prefix}{POLICY}", record.value, key=record.key)
    finally:
        await producer.stop()


async def ready(worker: Worker) -> None:
    while not worker.is_ready():
        assert worker.alive
        await asyncio.sleep(0.2)


async def entries(kafka: SecureKafka, topic: str) -> int:
    """Number of records that were written to a topic."""
    consumer = kafka.admin.consumer(topic)
    await consumer.start()
    try:
        return sum((await consumer.end_offsets(list(consumer.assignment()))).values())
    finally:
        await consumer.stop()


async def read(kafka: SecureKafka, topic: str, count: int) -> None:
    consumer = kafka.admin.consumer(topic, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        for _ in range(count):
            await consumer.getone()
    finally:
        await consumer.stop()
