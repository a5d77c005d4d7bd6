"""Every right of a role is needed: without any one of them, its holder cannot do its work."""

import asyncio
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas import MediaType, Policy, PolicyEvent
from schemas.access import Grant, load_roles
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, KEYS, POLICY, RAW, load_topics
from scripts.cli import Cluster
from scripts.processes.module_process import ProcessError
from streams.api.index.identity import recording_id
from streams.clients import RawAudioProducer
from streams.kafka.access import grant, grants_of
from streams.kafka.protocol.alter_configs import IncrementalAlterConfigs
from streams.kafka.topic_admin import connected_admin
from streams.kafka.topics import apply_topics
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner
from tests.chaos.workers import Worker
from tests.support.api_process import ApiProcess
from tests.support.brokers import Namespace
from tests.support.keys import key_record
from tests.support.refused import id_of, refused
from tests.support.role_work import CALL, WORK
from tests.support.secure_kafka import SecureKafka

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

WITHIN = 60.0  # seconds for work that is not allowed: some clients try it again and again
AT_ONCE = 4
FLAC = MediaType("audio/flac")
PCMU = {"Content-Type": "audio/PCMU"}
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
    """Whether a worker compresses, seals and archives a prompt, keeps it in its table, and refuses a record."""
    directory.mkdir()
    variables = kafka.variables(account) | {"AUDIO_STORES": f"file://{directory}/stores"}
    variables |= {"AUDIO_ADMIN_TOKEN": "nobody-has-this-token", "AUDIO_SEALING": "on"}
    variables |= {"AUDIO_KEY_STORE": SlotFile.make(directory / "keys").path.as_uri()}
    await archive_all(kafka, own)
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


async def test_an_api_process_needs_each_of_its_rights(
    secure_kafka: SecureKafka, namespace: Namespace, tmp_path: Path
) -> None:
    await apply_topics(secure_kafka.admin, namespace.prefix, namespace.group)
    keys = SlotFile.make(tmp_path / "keys")
    sealed = seal_record(replace(PROMPT, id="sealed", audio=bytes(1600)).to_record(), DataKey.new())
    producer = secure_kafka.admin.producer()
    await producer.start()
    try:
        name = f"{namespace.prefix}{RAW}"
        headers = [(one, value) for one, value in sealed.headers if value is not None]
        await producer.send_and_wait(name, sealed.value, key=sealed.key, headers=headers)
        grants = load_roles()["api"].grants("api", namespace.prefix, namespace.group)
        for call in ("all", *(str(number) for number in range(len(grants)))):
            record = key_record(keys, DataKey.new(), Owner("lisbon", call))
            await producer.send_and_wait(f"{namespace.prefix}{KEYS}", record.value, key=record.key)
        for number in range(len(grants) + 1):
            letter = refused(namespace, number).to_record()
            headers = [(one, value) for one, value in letter.headers if value is not None]
            await producer.send_and_wait(
                f"{namespace.prefix}{DEAD_LETTER}", letter.value, key=letter.key, headers=headers
            )
    finally:
        await producer.stop()
    limit = asyncio.Semaphore(AT_ONCE)
    stores = {"AUDIO_KEY_STORE": keys.path.as_uri()}

    async def without(number: int | None) -> bool:
        """Whether a process takes in audio, shows it, hands it out, and looks for a key."""
        call = "all" if number is None else str(number)
        account = f"{namespace.group}-api-{call}"
        grants = load_roles()["api"].grants(account, namespace.prefix, namespace.group)
        async with limit:
            await allow(secure_kafka, account, [one for at, one in enumerate(grants) if at != number])
            variables = secure_kafka.variables(account) | stores
            api = ApiProcess(variables.pop("KAFKA_BOOTSTRAP_SERVERS"), namespace, tmp_path / account, **variables)
            letter = id_of(refused(namespace, len(grants) if number is None else number))
            return await asyncio.to_thread(answers, api, call, letter)

    assert await without(None), "an API process does not work with all its rights"
    found = await asyncio.gather(*(without(number) for number in range(len(grants))))
    needless = [str(one) for one, worked in zip(grants, found, strict=True) if worked]
    assert not needless, "\n".join(needless)


def answers(api: ApiProcess, call: str, letter: str) -> bool:
    """Whether an API process does all that it is for; it erases a call, repairs, and sets a policy."""
    api.start()
    try:
        api.wait_until_ready()
        with httpx.Client(base_url=api.url, timeout=90) as client:
            for size in (1600, 2 * 2**20):  # the second one is a recording
                sent = client.post("/v1/recordings?hotel=lisbon", content=bytes(size), headers=PCMU)
                sent.raise_for_status()
                client.get(f"{sent.headers['Location']}/original").raise_for_status()
            return _looked_for_the_key(client) and _erased(client, call) and _repaired(client, call, letter)
    except (ProcessError, httpx.HTTPError) as error:
        print(f"{api.log}: {error!r}")
        return False
    finally:
        api.kill()


def _erased(client: httpx.Client, call: str) -> bool:
    """Whether a call is erased, and its receipt is looked for."""
    deadline = time.monotonic() + WITHIN
    while (answer := client.delete(f"/v1/calls/{call}?hotel=lisbon")).status_code != httpx.codes.OK:
        others = "came between" in answer.text  # other processes of this test erase at the same time
        if not others or time.monotonic() > deadline:
            return False
    receipt = client.get(f"/v1/erasures/{answer.json()['request']}/receipt")
    return receipt.status_code == httpx.codes.CONFLICT  # nobody has signed the audit


def _repaired(client: httpx.Client, hotel: str, letter: str) -> bool:
    """Whether a refused input is sent again, and a policy of a hotel is set."""
    deadline = time.monotonic() + WITHIN
    body = {"ids": [letter]}
    while (answer := client.post("/v1/replays", json=body)).status_code == httpx.codes.CONFLICT:
        if time.monotonic() > deadline:  # other processes of this test replay at the same time
            return False
    sent = answer.status_code == httpx.codes.OK and answer.json()["items"][0]["outcome"] in {"replayed", "before"}
    return sent and client.put(f"/v1/policies/{hotel}", json={}).is_success


def _looked_for_the_key(client: httpx.Client) -> bool:
    """Whether it is found out that nobody has the key of the sealed segment, which takes the right to read keys."""
    deadline = time.monotonic() + WITHIN
    number = recording_id(PROMPT.source, "sealed")
    while (answer := client.get(f"/v1/recordings/{number}/original")).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return answer.status_code == httpx.codes.GONE


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
