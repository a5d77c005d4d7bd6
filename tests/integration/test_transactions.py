"""Fencing: which transactions brokers accept, and how those that a former owner left open are ended."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition as ClientPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import CoordinationType
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    NotCoordinatorForGroupError,
    ProducerFenced,
    RequestTimedOutError,
)
from aiokafka.structs import OffsetAndMetadata

from streams.delivery.transactions import GroupProducer, connect
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.offset_fetch import (
    allow_unstable_positions,
    fetch_committed,
)
from streams.kafka.protocol.txn_offset_commit import GroupMember, TxnOffsetCommitResponse
from streams.kafka.topics import apply_topics
from streams.kafka.topology import InputTopicGoneError
from streams.kafka.transactional_writer import TransactionalWriter
from tests.support.brokers import Broker, Namespace, ThreeBrokers, broker_from_jars
from tests.support.installation import SOON, Installation


@pytest.fixture
async def installation(broker: Broker, namespace: Namespace) -> Installation:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return Installation(broker.bootstrap_servers, namespace)


async def test_outputs_offset_and_the_writers_name_are_committed_together(installation: Installation) -> None:
    async with installation.joined("one") as consumer:
        member = installation.member(consumer, "one")
        async with installation.producing(member) as producer:
            await producer.commit([installation.batch(b"a", b"b", next_offset=2)])
            await producer.commit([installation.batch(b"c", next_offset=3)])
    assert await installation.delivered(3) == [b"a", b"b", b"c"]
    assert await installation.committed() == (3, f"{member.generation}-one")


@pytest.mark.parametrize(
    "change",
    [
        lambda member: replace(member, generation=member.generation - 1),
        lambda member: replace(member, generation=member.generation + 1),
        lambda member: replace(member, member_id="former"),
        lambda member: replace(member, instance="another"),
    ],
    ids=["former generation", "no such generation", "replaced by a process of that name", "unknown"],
)
async def test_the_group_takes_offsets_from_its_present_members_only(
    installation: Installation, change: Callable[[GroupMember], GroupMember]
) -> None:
    async with installation.joined("one") as consumer:
        member = installation.member(consumer, "one")
        stranger = GroupProducer(KafkaConnection(installation.servers), change(member), [installation.tp])
        with pytest.raises(ProducerFenced, match="no longer knows"):
            await stranger.start()
        await stranger.stop()
        async with installation.producing(member) as producer:
            producer._member = change(member)  # noqa: SLF001  as after a rebalance while it was frozen
            with pytest.raises(ProducerFenced, match="no longer knows"):
                await producer.commit([installation.batch(b"a", next_offset=1)])
        assert await installation.committed() is None


async def test_the_next_owner_ends_what_a_former_one_left_open(installation: Installation) -> None:
    async with installation.joined("former") as first:
        former = installation.member(first, "former")
        async with installation.producing(former) as zombie:
            await zombie.commit([installation.batch(b"a", next_offset=1)])
            writer = zombie._writer  # noqa: SLF001  in the midst of a transaction
            assert writer is not None
            await writer.write(installation.output(b"open"))
            async with installation.joined("next") as second:
                successor = installation.member(second, "next")
                assert successor.generation > former.generation
                async with installation.producing(successor) as producer:
                    await producer.commit([installation.batch(b"b", next_offset=2)])
                    assert await installation.delivered(2) == [b"a", b"b"]
            with pytest.raises(ProducerFenced):
                await writer.commit()


async def test_a_worker_that_starts_again_ends_what_it_left_open_itself(installation: Installation) -> None:
    async with installation.joined("one") as consumer:
        member = installation.member(consumer, "one")
        async with installation.producing(member) as killed:
            writer = killed._writer  # noqa: SLF001  in the midst of its first transaction, whose name is stored nowhere
            assert writer is not None
            await writer.write(installation.output(b"open"))
            async with installation.producing(member) as producer:
                await producer.commit([installation.batch(b"a", next_offset=1)])
                assert await installation.delivered(1) == [b"a"]
            with pytest.raises(ProducerFenced):
                await writer.commit()


async def test_reading_begins_while_offsets_are_open(installation: Installation) -> None:
    tp = ClientPartition(*installation.tp)
    async with installation.writing() as producer:
        await producer.commit([installation.batch(b"a", next_offset=1)])
        writer, member = producer._writer, producer._member  # noqa: SLF001  in the midst of a transaction
        assert writer is not None
        await writer.commit_offsets(member, {tp: OffsetAndMetadata(2, "")})
        connection = KafkaConnection(installation.servers)
        async with connection.consumer(group_id=installation.group, enable_auto_commit=False) as consumer:
            allow_unstable_positions(consumer._coordinator)  # noqa: SLF001
            consumer.assign([tp])
            assert await asyncio.wait_for(consumer.position(tp), SOON) == 1
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(consumer.committed(tp), 0.5)
            await writer.commit()
            assert await asyncio.wait_for(consumer.committed(tp), SOON) == 2


async def test_offsets_that_were_set_by_hand_name_nobody(installation: Installation) -> None:
    async with installation.joined("one") as consumer:
        await consumer.commit({ClientPartition(*installation.tp): (7, "moved by an operator")})
        async with installation.producing(installation.member(consumer, "one")) as producer:
            await producer.commit([installation.batch(b"a", next_offset=8)])
    assert await installation.delivered(1) == [b"a"]


async def test_records_that_need_several_batches_keep_their_order(installation: Installation) -> None:
    values = [bytes([number]) * 400_000 for number in range(25)] + [b"larger than a batch" * 60_000, b"last"]
    async with installation.writing() as producer:
        await producer.commit([installation.batch(*values, next_offset=27)])
        await producer.commit([installation.batch(b"next", next_offset=28)])
    assert await installation.delivered(28) == [*values, b"next"]


async def test_what_is_sent_again_because_its_answer_was_lost_counts_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.writing() as producer:
        send = producer._client.send  # type: ignore[union-attr]  # noqa: SLF001  no network loses answers at will
        sent: Counter[str] = Counter()

        async def lose_every_other_answer(node: int, request: object, **options: Any) -> object:
            answer = await send(node, request, **options)
            sent[type(request).__name__] += 1
            if sent[type(request).__name__] % 2:
                raise RequestTimedOutError
            return answer

        monkeypatch.setattr(producer._client, "send", lose_every_other_answer)  # noqa: SLF001
        await producer.commit([installation.batch(b"a", b"b", next_offset=2)])
        await producer.commit([installation.batch(b"c", next_offset=3)])
        monkeypatch.undo()
        await producer.commit([installation.batch(b"d", next_offset=4)])
    assert min(sent[request] for request in ("Produce", "TxnOffsetCommit", "EndTxn")) >= 4
    assert await installation.delivered(4) == [b"a", b"b", b"c", b"d"]


async def test_what_arrives_after_its_transaction_is_refused(installation: Installation) -> None:
    async with installation.writing() as producer:
        writer = producer._writer  # noqa: SLF001  a batch that is delayed
        assert writer is not None
        [(partition, records)] = installation.output(b"late").items()
        [late] = writer._batches(partition, records)  # noqa: SLF001
        writer._sequences.clear()  # noqa: SLF001  as for the one that was sent in its place
        await producer.commit([installation.batch(b"a", next_offset=1)])
        await writer.write(installation.output(b"b"))
        with pytest.raises(ProducerFenced):
            await writer._deliver({partition: late})  # noqa: SLF001
        await writer.commit()
    assert await installation.delivered(2) == [b"a", b"b"]


async def test_leaders_and_coordinators_that_have_moved_are_found(
    three_brokers: ThreeBrokers, namespace: Namespace
) -> None:
    await apply_topics(KafkaConnection(three_brokers.bootstrap_servers), namespace.prefix, namespace.group)
    installation = Installation(three_brokers.bootstrap_servers, namespace)
    async with installation.writing() as producer:
        await producer.commit([installation.batch(b"a", next_offset=1)])
        writer, client = producer._writer, producer._client  # noqa: SLF001  as after moves that it does not know of
        assert writer is not None
        assert client is not None
        partitions = client.cluster._partitions[installation.results]  # noqa: SLF001
        partitions[0] = partitions[0]._replace(leader=partitions[0].leader % 3 + 1)
        coordinators = dict(writer._coordinators)  # noqa: SLF001
        writer._coordinators.update({kind: node % 3 + 1 for kind, node in coordinators.items()})  # noqa: SLF001
        await producer.commit([installation.batch(b"b", next_offset=2)])
        assert writer._coordinators == coordinators  # noqa: SLF001
    assert await installation.delivered(2) == [b"a", b"b"]


async def test_a_coordinator_that_was_frozen_tells_no_offsets(
    three_brokers: ThreeBrokers, namespace: Namespace
) -> None:
    await apply_topics(KafkaConnection(three_brokers.bootstrap_servers), namespace.prefix, namespace.group)
    installation = Installation(three_brokers.bootstrap_servers, namespace)
    tp = ClientPartition(*installation.tp)
    # The member's own heartbeats wait at the frozen coordinator: on a slow machine for longer than the usual session.
    async with installation.writing(session_timeout=120.0) as producer:
        await producer.commit([installation.batch(next_offset=5)])
        member, committing = producer._member, producer._writer  # noqa: SLF001
        assert committing is not None
        former = committing._coordinators[CoordinationType.GROUP]  # noqa: SLF001
        clients = [await connect(KafkaConnection(installation.servers)) for _ in range(2)]
        for client in clients:  # connected, so that requests wait at the frozen broker
            await fetch_committed(client, former, member.group, [tp], stable=True)
        try:
            three_brokers.cluster.kill(former, signal.SIGSTOP)
            await producer.commit([installation.batch(next_offset=9)])
            assert committing._coordinators[CoordinationType.GROUP] != former  # noqa: SLF001
            asking, joining = clients
            writer = TransactionalWriter(joining, f"{member.group}-joining")
            await writer.start()
            told = asyncio.create_task(fetch_committed(asking, former, member.group, [tp], stable=True))
            writer._coordinators[CoordinationType.GROUP] = former  # noqa: SLF001  as it still claims to be
            reader = GroupProducer(KafkaConnection(installation.servers), member, [installation.tp])
            read = asyncio.create_task(reader._fence_and_read(joining, writer))  # noqa: SLF001
            await asyncio.sleep(1.0)
        finally:
            three_brokers.cluster.kill(former, signal.SIGCONT)
        assert (await read)[tp].offset == 9
        with contextlib.suppress(NotCoordinatorForGroupError):  # in some runs it learns of its successor first
            assert (await told)[tp].offset == 5
        for client in clients:
            await client.close()


async def test_an_answer_that_leaves_out_a_partition_is_no_success(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.writing() as producer:
        send = producer._client.send  # type: ignore[union-attr]  # noqa: SLF001  no broker leaves one out

        async def leave_out(node: int, request: object, **options: Any) -> object:
            answer = await send(node, request, **options)
            if isinstance(answer, TxnOffsetCommitResponse):
                answer.topics = []
            return answer

        monkeypatch.setattr(producer._client, "send", leave_out)  # noqa: SLF001
        with pytest.raises(KafkaError, match="leaves out"):
            await producer.commit([installation.batch(b"a", next_offset=1)])
    assert await installation.committed() is None


async def test_offsets_of_a_topic_that_is_gone_are_not_kept_for_one_that_is_made_again(
    installation: Installation, namespace: Namespace
) -> None:
    async with installation.writing() as producer:
        await producer.commit([installation.batch(b"a", next_offset=5000)])
        admin = AIOKafkaAdminClient(bootstrap_servers=installation.servers)
        await admin.start()
        await admin.delete_topics([installation.tp.topic])
        while installation.tp.topic in await admin.list_topics():
            await asyncio.sleep(0.02)
        await admin.close()
        committing = asyncio.create_task(producer.commit([installation.batch(b"b", next_offset=5001)]))
        await asyncio.wait([committing], timeout=1.0)
        await apply_topics(KafkaConnection(installation.servers), namespace.prefix, namespace.group)
        with pytest.raises(InputTopicGoneError, match="is gone"):
            await asyncio.wait_for(committing, SOON)
    assert await installation.committed() is None


@pytest.fixture
def earlier_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setenv("FORMAT_OPTIONS", "--feature transaction.version=1")
    with broker_from_jars(tmp_path / "kafka") as broker:
        yield broker


async def test_a_cluster_with_transactions_of_an_earlier_version_is_refused(earlier_broker: Broker) -> None:
    with pytest.raises(IncompatibleBrokerVersion, match=r"need transaction\.version 2, this cluster's is 1;"):
        await connect(KafkaConnection(earlier_broker.bootstrap_servers))
