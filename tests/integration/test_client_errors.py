"""What our clients raise: errors of ours, whose messages say what to do, whatever Kafka's client says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import CommitFailedError, KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from schemas import DeadLetter, Position, Record, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, REPLAYS
from streams.clients import (
    BrokersUnavailableError,
    ClientClosedError,
    CompressedAudioConsumer,
    GroupRequiredError,
    HotelAudioError,
    InvalidAddressError,
    PartitionsLostError,
    RawAudioProducer,
    TopicNotFoundError,
    UnacknowledgedError,
)
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.errors import ReplayError
from streams.clients.letters import LetterPosition
from streams.clients.replay import Replayer
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT
from tests.support.events import RAW as EVENT

Client = RawAudioProducer | CompressedAudioConsumer | DeadLetterReader | Replayer
WITHIN = 30.0


@pytest.fixture
async def prefix(broker: Broker, namespace: Namespace) -> str:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return namespace.prefix


@pytest.mark.parametrize("make", [RawAudioProducer, CompressedAudioConsumer, DeadLetterReader, Replayer])
@pytest.mark.parametrize("how", [str, KafkaConnection])
async def test_a_broker_that_does_not_answer_is_named(
    make: Callable[[str | KafkaConnection], Client], how: type[str | KafkaConnection]
) -> None:
    servers = f"127.0.0.1:{free_ports(1)}"
    with pytest.raises(BrokersUnavailableError, match=f"no Kafka broker answers at {servers}: check") as error:
        await make(how(servers)).__aenter__()
    assert isinstance(error.value.__cause__, KafkaConnectionError)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [RawAudioProducer, CompressedAudioConsumer, DeadLetterReader, Replayer])
@pytest.mark.parametrize("servers", ["host:abc", "", ":::", "kafka://one:9092", "one:9092,", "one:0"])
def test_addresses_of_another_form_are_refused_at_once(make: Callable[[str], Client], servers: str) -> None:
    with pytest.raises(InvalidAddressError, match=f"^bootstrap_servers is {servers!r}: ") as error:
        make(servers)
    assert isinstance(error.value, HotelAudioError)


async def test_a_topic_that_does_not_exist_is_named(broker: Broker, namespace: Namespace) -> None:
    topic = f"{namespace.prefix}nothing"
    reading: list[CompressedAudioConsumer | DeadLetterReader] = [
        CompressedAudioConsumer(broker.bootstrap_servers, topic),
        CompressedAudioConsumer(broker.bootstrap_servers, topic, group_id=namespace.group),
        DeadLetterReader(broker.bootstrap_servers, topic),
    ]
    for client in reading:
        client._consumer._client._request_timeout_ms = 500  # noqa: SLF001  it would look for the topic for 40 s
        with pytest.raises(TopicNotFoundError, match=f"no topic {topic} at {broker.bootstrap_servers}: check") as error:
            await client.__aenter__()
        assert isinstance(error.value.__cause__, UnknownTopicOrPartitionError)
    async with RawAudioProducer(broker.bootstrap_servers, topic, timeout=0.5) as producer:
        with pytest.raises(TopicNotFoundError, match=topic):
            await producer.send(EVENT)


async def test_without_a_group_nothing_can_be_committed(broker: Broker, prefix: str) -> None:
    async with CompressedAudioConsumer(broker.bootstrap_servers, f"{prefix}{COMPRESSED}") as consumer:
        with pytest.raises(GroupRequiredError, match="group_id"):
            await consumer.commit()


async def test_partitions_that_another_consumer_has_by_now_are_lost(broker: Broker, prefix: str) -> None:
    async with CompressedAudioConsumer(
        broker.bootstrap_servers, f"{prefix}{COMPRESSED}", group_id=f"{prefix}readers", from_beginning=True
    ) as consumer:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        async with producer:
            record = RESULT.to_record()
            await producer.send(f"{prefix}{COMPRESSED}", record.value, record.key, headers=list(record.headers))
        assert await anext(consumer) == RESULT
        kafka: Any = consumer._consumer  # noqa: SLF001  as if it had been away for too long
        kafka._coordinator.member_id = "another"  # noqa: SLF001  as above
        with pytest.raises(PartitionsLostError, match="commit more often") as error:
            await consumer.commit()
    assert isinstance(error.value.__cause__, CommitFailedError)


async def test_a_client_that_is_closed_says_so(broker: Broker, prefix: str) -> None:
    async with (
        RawAudioProducer(broker.bootstrap_servers, f"{prefix}{RAW}") as producer,
        CompressedAudioConsumer(broker.bootstrap_servers, f"{prefix}{COMPRESSED}") as consumer,
    ):
        waiting = asyncio.ensure_future(anext(consumer))
        await asyncio.sleep(0.2)
    for use in (lambda: waiting, lambda: anext(consumer), lambda: producer.send(EVENT)):
        with pytest.raises(ClientClosedError, match="async with"):
            await asyncio.wait_for(use(), WITHIN)


async def test_nothing_of_kafkas_client_is_raised_when_the_brokers_die(
    mortal: LocalCluster, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.clients.topic_reader._PROGRESS_TIMEOUT", 1.0)
    monkeypatch.setattr("streams.clients.replay._TIMEOUT", 2.0)
    servers, reason = mortal.bootstrap_servers, Rejection("contract", "MissingHeader", "ce_callid", "is required")
    letter = DeadLetter(Record(b"key", b"value"), Position(f"{namespace.prefix}{RAW}", 0, 0), reason)
    async with (
        Replayer(servers, f"{namespace.prefix}{REPLAYS}") as replayer,
        DeadLetterReader(servers, f"{namespace.prefix}{DEAD_LETTER}") as reader,
        RawAudioProducer(servers, f"{namespace.prefix}{RAW}", timeout=2.0) as producer,
    ):
        reader._consumer._request_timeout_ms = 1000  # noqa: SLF001  it would wait for 40 s
        await producer.send(EVENT)
        mortal.kill(1)
        await raises(UnacknowledgedError, producer.send(EVENT), servers)
        await raises(ReplayError, replayer.send([(LetterPosition(0, 0), letter)]), servers)
        await raises(BrokersUnavailableError, reader.partitions(), servers)
        await raises(BrokersUnavailableError, anext(aiter(reader.all())), servers)
        await raises(UnacknowledgedError, producer.__aexit__(None, None, None), servers)


async def raises(error: type[Exception], operation: Awaitable[Any], named: str) -> None:
    """Make sure that an operation fails, and says where."""
    with pytest.raises(error, match=named) as raised:
        await asyncio.wait_for(operation, 60)
    assert not isinstance(raised.value, KafkaError)
