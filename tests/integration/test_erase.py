"""The command ``erase`` and the turn of the keys on genuine Kafka."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas import Policy, PolicyEvent, Record
from schemas.audit import AuditEntry
from schemas.topics import KEYS, POLICY
from scripts.audit_trail.reading import AuditReader
from scripts.cli import Cluster
from scripts.commands import audit, erase
from scripts.erasing.turning import turn_keys
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.kafka.transactional_writer import TransactionalWriter
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import INDEX_EPOCH
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import ErasedMark, Owner, WrappedKey, parse, unwrap, wrap
from tests.support.brokers import Broker, Namespace

LISBON = ("--hotel", "lisbon")


class Installation:
    """Topics, a key store and keys of calls in them."""

    def __init__(self, cluster: Cluster, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.cluster, self.path, self.capsys = cluster, path, capsys
        self.store = SlotFile.make(path)
        self.options = [
            f"--bootstrap-servers={cluster.bootstrap_servers}",
            f"--topic-prefix={cluster.prefix}",
            f"--group={cluster.group}",
        ]

    async def command(self, main: Callable[[Sequence[str]], int], *arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, [*arguments, *self.options])
        return code, *self.capsys.readouterr()

    def record(self, owner: Owner, epoch: int = 0, expires_ms: int = 0) -> tuple[DataKey, Record]:
        """A new key of a call, as a worker writes it."""
        key, epoch = DataKey.new(), epoch or self.store.epochs()[-1]
        value = wrap(
            key, owner, store=self.store.id, epoch=epoch, epoch_key=self.store.read(epoch),
            index_key=self.store.read(INDEX_EPOCH), created_ms=1_700_000_000_000, expires_ms=expires_ms,
        )  # fmt: skip
        return key, Record(key.id, value)

    async def write(self, topic: str, *records: Record) -> None:
        producer = self.cluster.connection.producer()
        await producer.start()
        try:
            for number, one in enumerate(records):
                partition = number % 4 if topic == KEYS else 0
                await producer.send_and_wait(self.cluster.topic(topic), one.value, key=one.key, partition=partition)
        finally:
            await producer.stop()

    async def keys(self) -> dict[bytes, bytes]:
        """What the topic has of each key, once no transaction is open."""
        async with KafkaKeyLog(self.cluster.connection, self.cluster.topic(KEYS), "none") as log:
            parts = [part async for part in log.between({}, await log.ends())]
        return {entry.key: entry.value or b"" for part in parts for entry in part}

    async def opens(self, *keys: DataKey) -> list[bool]:
        known = await self.keys()
        return [self.opened(key, known[key.id]) for key in keys]

    def opened(self, key: DataKey, value: bytes) -> bool:
        wrapped = parse(value)
        if isinstance(wrapped, ErasedMark):
            return False
        assert isinstance(wrapped, WrappedKey)
        found = unwrap(key.id, wrapped, self.store.read(wrapped.epoch))
        return isinstance(found, tuple) and found[0] == key

    async def entries(self) -> list[AuditEntry]:
        found: list[bytes] = []
        async with AuditReader(self.cluster, lambda value: found.append(value or b"")) as reader:
            await reader.read()
        fields = [json.loads(value) for value in found]
        return [AuditEntry.from_fields(one) for one in fields if one["event.action"] != "audit-head"]

    async def sign(self, *signing: str) -> None:
        assert await asyncio.to_thread(audit.main, ["sign", *signing, *self.options]) == 0

    async def erased(self, *arguments: str) -> tuple[int, str, str]:
        return await self.command(erase.main, *LISBON, "--key-store", str(self.path), *arguments, "--yes")


@pytest.fixture
async def here(
    broker: Broker, namespace: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> Installation:  # fmt: skip
    cluster = Cluster(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    await apply_topics(cluster.connection, cluster.prefix, cluster.group)
    return Installation(cluster, tmp_path / "keys", capsys)


@pytest.fixture
def signing(tmp_path: Path) -> tuple[str, ...]:
    """Options of ``audit sign``, and of what checks."""
    private = Ed25519PrivateKey.generate()
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "key").write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pub").write_bytes(public)
    return "--key", str(tmp_path / "key"), "--heads", str(tmp_path / "heads")


async def test_a_call_is_erased_and_the_others_are_not(here: Installation) -> None:
    mine, again, other, porto = (
        here.record(one)
        for one in (Owner("lisbon", "a"), Owner("lisbon", "a"), Owner("lisbon", "b"), Owner("porto", "a"))
    )
    await here.write(KEYS, *(record for _, record in (mine, again, other, porto)))
    code, out, _ = await here.erased("--call", "a", "--dry-run")
    assert (code, out.startswith("2 keys of 1 call can be erased")) == (0, True)
    assert await here.opens(mine[0]) == [True]
    code, out, _ = await here.erased("--call", "a")
    assert (code, out.startswith("2 keys of 1 call erased")) == (0, True)
    assert await here.opens(mine[0], again[0], other[0], porto[0]) == [False, False, True, True]
    code, out, _ = await here.erased("--call", "a")
    assert (code, out.startswith("nothing was left")) == (0, True)
    told = [(one.action, one.objects, one.outcome, one.reason) for one in await here.entries()]
    objects = ("hotel:lisbon", "call:a", "epoch:1")
    assert told == [("erasure", objects, "success", ""), ("erasure", objects, "success", "nothing was left")]


async def test_a_key_of_a_transaction_that_is_open_is_erased_when_it_is_committed(here: Installation) -> None:
    key, record = here.record(Owner("lisbon", "a"))
    async with connected_client(here.cluster.connection) as client:
        worker = TransactionalWriter(client, f"{here.cluster.group}-worker")
        await worker.start()
        await worker.write({TopicPartition(here.cluster.topic(KEYS), 3): [record]})
        erasing = asyncio.create_task(here.erased("--call", "a"))
        done, _ = await asyncio.wait([erasing], timeout=1)
        assert not done, "the erasure has not seen the key"
        await worker.commit()
        code, out, _ = await erasing
    assert (code, out.startswith("1 key of 1 call erased")) == (0, True)
    assert await here.opens(key) == [False]


async def test_a_legal_hold_is_respected(here: Installation) -> None:
    key, record = here.record(Owner("lisbon", "a"))
    await here.write(KEYS, record)
    await here.write(POLICY, PolicyEvent("lisbon", Policy(1, legal_hold=True)).to_record())
    code, _, err = await here.erased("--call", "a")
    assert (code, "has a legal hold" in err) == (3, True)
    assert await here.opens(key) == [True]


async def test_many_calls_need_two_people_whom_the_brokers_know(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a\nb\n")
    for which in (["--calls", str(tmp_path / "calls")], ["--before", "2026-01-01"]):
        code, _, err = await here.erased(*which)
        assert (code, "need two people" in err) == (1, True)
        code, _, err = await here.erased(*which, "--request", str(tmp_path / "request"))
        assert (code, "have no accounts" in err) == (1, True)
    assert not (tmp_path / "request").exists()


async def test_a_receipt_is_logical_and_after_the_turn_it_is_final(
    here: Installation, signing: tuple[str, ...], tmp_path: Path
) -> None:
    (key, record), (living, kept) = here.record(Owner("lisbon", "a", "g-1")), here.record(Owner("lisbon", "b"))
    await here.write(KEYS, record, kept)
    copy, receipt = dict(await here.keys()), str(tmp_path / "receipt.json")
    erasing = asyncio.create_task(here.erased("--guest", "g-1", "--receipt", receipt))
    while not erasing.done():  # somebody else signs from time to time
        await here.sign(*signing)
    code, out, _ = await erasing
    assert code == 0
    assert "logical: it is final with the next turn" in out
    assert here.opened(key, copy[key.id])  # with a backup of the topic
    done = await turn_keys(here.cluster, here.store, settling=0)
    assert (done.epoch, done.rewrapped) == (2, 1)
    assert await here.opens(living) == [True]
    assert here.store.epochs() == (2,)
    request = next(one.request for one in await here.entries() if one.action == "erasure")
    making = ("receipt", receipt, "--request", request)
    while json.loads(Path(receipt).read_text()).get("turn") is None:
        await here.sign(*signing)
        assert (await here.command(audit.main, *making))[0] == 0
    checks = ["check-receipt", receipt, "--public-key", str(tmp_path / "pub")]
    code = await asyncio.to_thread(audit.main, checks)
    assert (code, "the erasure is final" in here.capsys.readouterr().out) == (0, True)
    assert "g-1" not in Path(receipt).read_text()


_TURN = """
import asyncio, os, signal, sys
from pathlib import Path
from scripts.cli import Cluster
from scripts.erasing.turning import turn_keys
from streams.kafka.connection import KafkaConnection
from streams.kafka.transactional_writer import TransactionalWriter
from streams.security.sealing.slot_file import SlotFile

left = [int(sys.argv[1])]
commit = TransactionalWriter.commit

async def killed(self):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    await commit(self)

TransactionalWriter.commit = killed
cluster = Cluster(KafkaConnection(sys.argv[2]), sys.argv[3], "none")
asyncio.run(turn_keys(cluster, SlotFile(Path(sys.argv[4])), settling=0))
"""


@pytest.mark.parametrize("commits", [1, 2, 3])
async def test_a_turn_that_is_killed_is_gone_on_with(here: Installation, tmp_path: Path, commits: int) -> None:
    """Killed before the commit of the keys, of the entry before the old epoch is destroyed, and of the one after."""
    erased, living = here.record(Owner("lisbon", "a")), here.record(Owner("lisbon", "b"))
    await here.write(KEYS, erased[1], living[1])
    assert (await here.erased("--call", "a"))[0] == 0
    arguments = [str(commits), here.cluster.bootstrap_servers, here.cluster.prefix, str(tmp_path / "keys")]
    turning = await asyncio.create_subprocess_exec(sys.executable, "-c", _TURN, *arguments)
    assert await turning.wait() == -signal.SIGKILL
    assert here.store.epochs() == ((2,) if commits == 3 else (1, 2))
    if commits < 3:  # the open transaction does not hide what is there
        assert (await here.erased("--call", "none"))[0] == 0
        assert await here.opens(erased[0], living[0]) == [False, True]
    done = await turn_keys(here.cluster, here.store, settling=0)
    assert here.store.epochs() == (done.epoch,)
    assert done.epoch == (3 if commits == 3 else 2)
    assert await here.opens(erased[0], living[0]) == [False, True]


async def test_of_two_turns_at_once_one_is_fenced_and_says_so(here: Installation) -> None:
    keys = [here.record(Owner("lisbon", f"call-{number}")) for number in range(8)]
    await here.write(KEYS, *(record for _, record in keys))
    turns = [turn_keys(here.cluster, SlotFile(here.path), settling=0.5) for _ in range(2)]
    results = await asyncio.gather(*turns, return_exceptions=True)
    refused = [str(one) for one in results if isinstance(one, Exception)]
    assert all("destroyed nothing" in one or "is not later than" in one for one in refused), results
    assert len(refused) < 2, results
    assert await here.opens(*(key for key, _ in keys)) == [True] * len(keys)
