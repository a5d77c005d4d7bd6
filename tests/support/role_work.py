"""What the holder of each role does on a cluster, in its shortest form; an error is raised where it may not."""

import random
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from schemas import DeadLetter, MediaType, Policy, PolicyEvent, Position, RawAudio, Record, Rejection
from schemas.access import Grant
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, INPUTS, KEYS, POLICY, RAW, REPLAYS, copartitioned, inputs
from scripts.audit_trail.reading import AuditReader
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster
from scripts.policies.topic import exclusively, read_policies
from scripts.validation.finding import Status
from scripts.validation.topics import check_topics as validate_topics
from streams.clients import RawAudioProducer
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.errors import ReplayReplacedError
from streams.clients.key_view import key_view_of
from streams.clients.letters import LetterPosition
from streams.clients.opening import RecordOpener
from streams.clients.replay import Replayer
from streams.clients.results import ResultReader
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.compliance.key_log import KeyEntry
from streams.kafka.access import grant
from streams.kafka.connected_client import connected_client
from streams.kafka.lag import LagReader
from streams.kafka.protocol.group_owners import fetch_member_hosts
from streams.kafka.topic_settings import update_settings
from streams.kafka.topics import apply_topics
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.slot_file import SlotFile

CALL = RawAudio("1", "/pbx", "lisbon", "call-1", MediaType("audio/PCMU"), bytes(1600))


async def telephony(cluster: Cluster, account: str) -> None:
    """Look at the topics, send a segment and a recording, and a sealed segment."""
    del account
    await cluster.check(INPUTS)
    for topic in INPUTS:
        async with RawAudioProducer(cluster.connection, cluster.topic(topic)) as producer:
            await producer.send(CALL)
    with tempfile.TemporaryDirectory() as directory:
        seal, keys = SlotFile.make(Path(directory, "keys")), cluster.topic(KEYS)
        async with RawAudioProducer(cluster.connection, cluster.topic(RAW), seal=seal, keys=keys) as producer:
            await producer.send(CALL)


async def _look_for_key(cluster: Cluster) -> None:
    """Open what is sealed under a key that was never written, which takes the right to read keys to find out."""
    sealed = replace(seal_record(CALL.to_record(), DataKey.new()), timestamp_ms=1)
    with tempfile.TemporaryDirectory() as directory:
        keys = key_view_of(cluster.connection, cluster.topic(KEYS), SlotFile.make(Path(directory, "keys")))
        async with RecordOpener(keys) as opener:
            opened = await opener.open(sealed)
    assert isinstance(opened, Rejection)
    assert opened.code == "SealedUnknown", opened


async def consumer(cluster: Cluster, account: str) -> None:
    """Tell the audit, look at the topic, read it in a group, commit, look for a key."""
    await _look_for_key(cluster)
    async with Audit(cluster) as audit:
        await audit.write("listen", ["call:call-1"])
    await cluster.check([COMPRESSED])
    reader = cluster.connection.consumer(
        cluster.topic(COMPRESSED), group_id=f"{account}-archive", auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        await reader.start()
        message = await reader.getone()
        await reader.commit(
            {TopicPartition(message.topic, message.partition): OffsetAndMetadata(message.offset + 1, "")}
        )
    finally:
        await reader.stop()


async def monitor(cluster: Cluster, account: str) -> None:
    """Look at the lag, of which a record is waiting."""
    del account
    await cluster.check(INPUTS)
    names = (cluster.prefix, cluster.group)
    reader = LagReader(cluster.connection, cluster.group, copartitioned(*names), inputs(*names))
    try:
        snapshot = await reader.read()
        assert snapshot.topology.partitions
        assert any(lag.oldest is not None for lag in snapshot.lags.values()), "the waiting record is not seen"
        assert snapshot.owners is not None, "the group's members are not seen"
    finally:
        await reader.close()


async def operator(cluster: Cluster, account: str) -> None:
    """Read dead letters and send one again, set a policy and count the workers, list results, validate."""
    await _look_for_key(cluster)
    validated = await validate_topics(cluster)
    assert all(one.status is Status.PASSED for one in validated.findings), validated
    await cluster.check([COMPRESSED, DEAD_LETTER, REPLAYS, *INPUTS])
    reason = Rejection("contract", "MissingHeader", "ce_callid", "is required")
    async with DeadLetterReader(cluster.connection, cluster.topic(DEAD_LETTER)) as letters:
        assert [one async for one in letters.all()]
    for name in INPUTS:
        position = Position(cluster.topic(name), 0, random.getrandbits(48))  # of a letter that nobody has replayed
        await _replay(cluster, DeadLetter(Record(b"call-1", b"1", ()), position, reason))
    async with exclusively(cluster, account) as writer:
        await writer.write(PolicyEvent(account, Policy(1)))
    await read_policies(cluster)
    async with connected_client(cluster.connection) as client:
        assert await fetch_member_hosts(client, cluster.group) is not None
    async with ResultReader(cluster.connection, cluster.topic(COMPRESSED)) as results:
        assert [one async for one in results.results(await results.range(), lambda _: None)]


async def _replay(cluster: Cluster, letter: DeadLetter) -> None:
    """Send an input again, as soon as nobody else replays."""
    try:
        async with Replayer(cluster.connection, cluster.topic(REPLAYS)) as replayer:
            replayer.undecided = await replayer.send([(LetterPosition(0, 0), letter)])
            assert await replayer.decide(), "what became of a commit without an answer cannot be found out"
    except ReplayReplacedError:
        await _replay(cluster, letter)


async def eraser(cluster: Cluster, account: str) -> None:
    """Erase a call, read what is in the audit about it."""
    await cluster.check([KEYS, AUDIT, POLICY])
    await read_policies(cluster)
    audit = Audit(cluster)
    async with KafkaKeyLog(cluster.connection, cluster.topic(KEYS), audit.topic) as log:
        await log.claim()
        assert [one async for part in log.between({}, await log.ends()) for one in part]
        await log.write([KeyEntry(0, account.encode(), b"")], audit.records("erasure", ["call:call-1"]))
    async with AuditReader(cluster, lambda _: None) as reader:
        await reader.read()


async def admin(cluster: Cluster, account: str) -> None:
    """Make the topics of an installation of its own, grow them, mend their settings, read the audit, grant a right."""
    setup = (cluster.connection, cluster.prefix, cluster.group)
    await update_settings(*setup)  # of an earlier release's topics, if there are any
    await apply_topics(*setup)
    await apply_topics(*setup, partitions=9)
    async with Audit(cluster) as audit, AuditReader(cluster, lambda _: None) as reader:
        await audit.write("access-grant", [f"account:{account}"])
        await reader.read()
    await grant(cluster.connection, [Grant(account, "topic", "anything", prefixed=False, operation="Describe")])


WORK: Mapping[str, Callable[[Cluster, str], Awaitable[None]]] = {
    "telephony": telephony,
    "consumer": consumer,
    "monitor": monitor,
    "operator": operator,
    "eraser": eraser,
    "admin": admin,
}
