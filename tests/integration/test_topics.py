import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaConnectionError

from schemas import load_topics
from schemas.topics import COMPRESSED, RAW, copartitioned, topic
from scripts.cli import counted
from scripts.commands import topics
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import connected_admin, describe
from streams.kafka.topic_errors import TopicError, TopicMismatchError, TopicMissingError
from streams.kafka.topic_growth import grow_topics
from streams.kafka.topics import apply_topics, check_topics, planned_changes, servable_partitions
from tests.support.brokers import Broker, Namespace, ThreeBrokers
from tests.support.topic_settings import settings_of


async def create(broker: Broker, topic: NewTopic) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([topic])
    finally:
        await admin.close()


async def retention_of(broker: Broker, topic: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        return (await settings_of(admin, topic, "retention.ms"))["retention.ms"]
    finally:
        await admin.close()


async def known(broker: Broker, topic: str, partitions: int) -> None:
    """Wait until the broker knows of its controller's change."""
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        while len((await describe(admin, [topic])).get(topic, ())) < partitions:
            await asyncio.sleep(0.05)


def partitions_of(number: int) -> list[int]:
    """The partitions of each topic where the copartitioned ones have this many."""
    return [number if spec.copartitioned else 1 for spec in load_topics()]


async def test_creates_what_is_missing_and_repeats_without_harm(broker: Broker, namespace: Namespace) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    expected = [spec.resolve(namespace.prefix, namespace.group) for spec in load_topics()]
    first = await apply_topics(*where)
    second = await apply_topics(*where)
    assert [(state.name, state.created) for state in first] == [(name, True) for name in expected]
    assert [state.partitions for state in first] == partitions_of(8)
    assert [(state.name, state.created) for state in second] == [(name, False) for name in expected]
    await check_topics(*where)


async def test_processes_may_race(broker: Broker, namespace: Namespace) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    racers = await asyncio.gather(*(apply_topics(*where) for _ in range(4)))
    creations = [state.name for states in racers for state in states if state.created]
    assert sorted(creations) == sorted(spec.resolve(namespace.prefix, namespace.group) for spec in load_topics())


async def test_a_second_group_adds_its_own_changelog_only(broker: Broker, namespace: Namespace) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    states = await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, "second")
    assert [state.name for state in states if state.created] == [f"{namespace.prefix}second-audio-cache-changelog"]


async def test_missing_topics_are_named_with_the_remedy(broker: Broker, namespace: Namespace) -> None:
    with pytest.raises(TopicMissingError, match=r"scripts/topics apply") as error:
        await check_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    assert f"{namespace.prefix}audio.raw" in str(error.value)


@pytest.mark.parametrize(
    ("partitions", "configs", "named"),
    [
        (3, {"max.message.bytes": "9437184"}, "partitions=3 and must have 8"),
        (8, {}, "max.message.bytes"),
        (8, {"max.message.bytes": "9437184", "cleanup.policy": "compact"}, "cleanup.policy=compact"),
        (8, {"max.message.bytes": "9437184"}, "message.timestamp.type=CreateTime .* apply --update-settings"),
        (
            8,
            {"max.message.bytes": "9437184", "message.timestamp.type": "LogAppendTime"},
            "compression.type=producer .* apply --update-settings",
        ),
    ],
)
async def test_a_different_topic_is_told_and_left_alone(
    broker: Broker, namespace: Namespace, partitions: int, configs: dict[str, str], named: str
) -> None:
    name = f"{namespace.prefix}{RAW}"
    await create(broker, NewTopic(name, partitions, 1, topic_configs=configs))
    for _ in range(2):
        with pytest.raises(TopicMismatchError, match=named) as error:
            await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
        assert name in str(error.value)
    with pytest.raises(TopicMismatchError, match=named):
        await check_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group, [RAW])


async def test_topics_of_an_earlier_release_get_the_two_settings_and_keep_all_others(
    broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{namespace.prefix}{RAW}"
    own = {"max.message.bytes": "9437184", "retention.ms": "1234567"}
    await create(broker, NewTopic(name, 8, 1, topic_configs=own))
    await known(broker, name, 8)
    options = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    command = ["apply", "--update-settings", *options, "--group", namespace.group]
    assert await asyncio.to_thread(topics.main, command) == 0
    told = capsys.readouterr().out
    assert f"changed {name}: message.timestamp.type=LogAppendTime, compression.type=uncompressed" in told
    await check_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    assert await retention_of(broker, name) == "1234567"
    assert await asyncio.to_thread(topics.main, command) == 0
    assert "changed" not in capsys.readouterr().out


async def test_more_partitions_than_the_file_has_are_fine_where_all_topics_have_them(
    broker: Broker, namespace: Namespace
) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    raw, recordings, *others = copartitioned(namespace.prefix, namespace.group)
    await create(broker, NewTopic(raw, 10, 1, topic_configs=topic(RAW).configs))
    await known(broker, raw, 10)
    assert [state.partitions for state in await apply_topics(*where)] == partitions_of(10)
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        assert await grow_topics(admin, *where[1:], 11) == [*others, raw, recordings]
    assert servable_partitions(await check_topics(*where)) == 11


async def test_topics_that_differ_are_told_with_the_remedy_and_serve_what_they_share(
    broker: Broker, namespace: Namespace
) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    await apply_topics(*where)
    raw = f"{namespace.prefix}{RAW}"
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        await admin.create_partitions({raw: NewPartitions(12)})
    await known(broker, raw, 12)
    with pytest.raises(TopicMismatchError, match=r"scripts/topics grow --partitions 12"):
        await apply_topics(*where)
    assert servable_partitions(await check_topics(*where)) == 8
    with pytest.raises(TopicError, match="cannot remove"):
        await apply_topics(*where, partitions=10)
    grown = [state.name for state in await apply_topics(*where, partitions=12) if state.grown]
    assert grown == [name for name in copartitioned(*where[1:]) if name != raw]
    assert {state.partitions for state in await apply_topics(*where) if state.copartitioned} == {12}


async def test_a_number_of_partitions_is_that_of_new_topics_and_of_those_with_fewer(
    broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    raw, first, *_ = copartitioned(namespace.prefix, namespace.group)
    missing = [
        (spec.resolve(namespace.prefix, namespace.group), number)
        for spec, number in zip(load_topics(), partitions_of(60), strict=True)
    ][2:]
    for name, partitions in ((first, 60), (raw, 8)):  # as left behind by a run that was killed
        spec = topic(name.removeprefix(namespace.prefix))
        await create(broker, NewTopic(name, partitions, 1, topic_configs=spec.configs))
        await known(broker, name, partitions)
    command = ["apply", "--partitions", "60", "--bootstrap-servers", broker.bootstrap_servers]
    command += ["--topic-prefix", namespace.prefix, "--group", namespace.group]
    assert await asyncio.to_thread(topics.main, [*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{raw}: 8 partitions, to become 60",
        *(f"{name}: missing, to be created with {counted(number, 'partition')}" for name, number in missing),
        "nothing was changed",
    ]
    assert await asyncio.to_thread(topics.main, command) == 0
    done = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert done == [
        ["grown", f"{raw}:", "60"],
        ["checked", f"{first}:", "60"],
        *(["created", f"{name}:", str(number)] for name, number in missing),
    ]
    for again in (60, None):
        states = await apply_topics(*where, partitions=again)
        assert [state.partitions for state in states] == partitions_of(60)
        assert not any(state.created or state.grown for state in states)
    assert await planned_changes(*where, 60) == []


async def test_too_few_partitions_are_refused_before_anything_is_changed(broker: Broker, namespace: Namespace) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    with pytest.raises(TopicError, match=r"7 partitions are too few: schemas/topics.yaml has 8"):
        await apply_topics(*where, partitions=7)
    with pytest.raises(TopicError, match=r"20000000 partitions are too many"):
        await apply_topics(*where, partitions=20_000_000)
    raw = f"{namespace.prefix}{RAW}"
    await create(broker, NewTopic(raw, 12, 1, topic_configs=topic(RAW).configs))
    await known(broker, raw, 12)
    with pytest.raises(TopicError, match="has 12 partitions, and Kafka cannot remove any"):
        await apply_topics(*where, partitions=10)
    with pytest.raises(TopicMissingError):
        await check_topics(*where, names=[COMPRESSED])


async def test_a_topic_with_other_settings_does_not_grow(broker: Broker, namespace: Namespace) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    raw = f"{namespace.prefix}{RAW}"
    await create(broker, NewTopic(raw, 8, 1, topic_configs=topic(RAW).configs | {"max.message.bytes": "1000000"}))
    await known(broker, raw, 8)
    with pytest.raises(TopicMismatchError, match=r"max\.message\.bytes"):
        await apply_topics(*where, partitions=12)
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        assert len((await describe(admin, [raw]))[raw]) == 8


async def test_impossible_replication_is_refused_clearly(broker: Broker, namespace: Namespace) -> None:
    with pytest.raises(TopicError, match="replication factor"):
        await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group, replication=50)


async def test_three_brokers_hold_three_replicas_and_all_know_at_once(
    three_brokers: ThreeBrokers, namespace: Namespace
) -> None:
    where = (KafkaConnection(three_brokers.bootstrap_servers), namespace.prefix, namespace.group)
    states = await apply_topics(*where)
    assert {state.replication for state in states} == {3}
    for _ in range(5):
        await check_topics(*where)


async def test_no_broker_is_a_connection_error(namespace: Namespace) -> None:
    with pytest.raises(KafkaConnectionError):
        await check_topics(KafkaConnection("127.0.0.1:1"), namespace.prefix, namespace.group)
