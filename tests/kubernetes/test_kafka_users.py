"""Every role works with the rights that its KafkaUser has, on a broker that allows nothing else."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from infra.kafka.ports import free_ports
from schemas import CompressedAudio, MediaType
from schemas.topics import POLICY, copartitioned, load_topics
from scripts.kubernetes.strimzi import GROUP, kafka_users
from scripts.processes.module_process import ProcessError
from scripts.processes.worker_process import WorkerProcess
from streams.clients import CompressedAudioConsumer, HotelAudioError, RawAudioProducer
from streams.kafka.connection import KafkaConnection
from streams.kafka.lag import LagReader
from tests.kubernetes.authorizing_broker import AuthorizingBroker, Rule, authorizing_broker
from tests.support import events

RULES = {user["metadata"]["name"]: user["spec"]["authorization"]["acls"] for user in kafka_users()}
WORKER = RULES["hotel-audio-worker"]
#: One right of the worker less, in turn. To read a topic's settings is one right for each topic.
LESS = [(rule, operation) for rule in WORKER for operation in rule["operations"]]
#: A repeated prompt, which the worker notes in its table, and a refused input.
INPUTS = [replace(events.RAW, id=str(number), channel="prompt", audio=bytes(range(256)) * 40) for number in range(3)]
REFUSED = replace(events.RAW, id="refused", media_type=MediaType("audio/flac"), audio=b"no FLAC")
WITHIN_S = 60.0

pytestmark = pytest.mark.xdist_group("authorizing broker")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizingBroker]:
    with authorizing_broker(tmp_path_factory.mktemp("authorizing") / "broker") as started:
        started.create({spec.resolve("", GROUP): (spec.partitions, spec.configs) for spec in load_topics()})
        yield started


@contextmanager
def working(broker: AuthorizingBroker, directory: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        {
            "KAFKA_BOOTSTRAP_SERVERS": broker.servers,
            "AUDIO_GROUP": GROUP,
            "AUDIO_TOPIC_PREFIX": "",
            "AUDIO_STATE_DIR": str(directory / "state"),
            "AUDIO_HTTP_PORT": str(free_ports(1)),
            "AUDIO_STALL_TIMEOUT": "15s",
        },
        directory / "worker.log",
    )
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


async def lag(broker: AuthorizingBroker) -> int:
    reader = LagReader(KafkaConnection(broker.servers), GROUP, copartitioned("", GROUP))
    try:
        return sum(one.records for one in (await reader.read()).lags.values())
    finally:
        await reader.close()


async def send(broker: AuthorizingBroker) -> None:
    broker.allow(RULES["hotel-audio-telephony"])
    async with RawAudioProducer(broker.servers) as producer:
        for event in (*INPUTS, REFUSED):
            await producer.send(event)


async def becomes(broker: AuthorizingBroker, records: int, require: Callable[[], None] = lambda: None) -> bool:
    """Wait until the lag has a number of records; False if what is required fails before, or it takes too long."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            require()
            if await lag(broker) == records:
                return True
        except ProcessError:
            return False
        except (KafkaError, TimeoutError):
            pass  # a fresh broker has no coordinators yet, and a role may not have the right
        await asyncio.sleep(0.5)
    return False


async def test_each_role_does_its_work_with_its_rights(broker: AuthorizingBroker, tmp_path: Path) -> None:
    await send(broker)

    broker.allow(RULES["hotel-audio-lag-monitor"])
    assert await becomes(broker, len(INPUTS) + 1)

    broker.allow(WORKER)
    with working(broker, tmp_path) as worker:
        worker.wait_until_ready()
        assert await becomes(broker, 0, worker.require_alive), worker.log.read_text()

    broker.allow(RULES["hotel-audio-consumer"])
    async with (
        CompressedAudioConsumer(broker.servers, group_id=f"{GROUP}-consumer-1", from_beginning=True) as consumer,
        asyncio.timeout(WITHIN_S),
    ):
        results = [await anext(consumer) for _ in INPUTS]
    assert [one.causation_id for one in results if isinstance(one, CompressedAudio)] == [one.id for one in INPUTS]

    broker.allow(RULES["hotel-audio-hotel-operations"])
    async with asyncio.timeout(WITHIN_S):
        producer = KafkaConnection(broker.servers).producer(enable_idempotence=True)
        await producer.start()
        await producer.send_and_wait(POLICY, value=None, key=b"seaside")
        await producer.stop()


async def test_a_role_may_not_do_anothers_work(broker: AuthorizingBroker) -> None:
    broker.allow(RULES["hotel-audio-consumer"])
    with pytest.raises(HotelAudioError):
        async with RawAudioProducer(broker.servers, timeout=5) as producer:
            await producer.send(events.RAW)
    with pytest.raises(KafkaError):
        await lag(broker)


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "operation"), LESS, ids=lambda one: one if isinstance(one, str) else one["resource"]["name"]
)
async def test_a_worker_needs_each_of_its_rights(
    broker: AuthorizingBroker, tmp_path: Path, rule: Rule, operation: str
) -> None:
    await send(broker)
    rest = [one for one in rule["operations"] if one != operation]
    broker.allow([{**one, "operations": rest} if one is rule else one for one in WORKER])
    with working(broker, tmp_path) as worker:
        assert not await becomes(broker, 0, worker.require_alive)
