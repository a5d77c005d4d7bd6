"""What commands and workers do with something of a guest is in the audit, and what is in the audit is proven."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas import DeadLetter, PolicyEvent, Position, Record, Rejection
from schemas.audit import AuditEntry
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, POLICY, RAW
from scripts.audit_trail.reading import AuditReader
from scripts.cli import Cluster
from scripts.commands import audit, calls, dead_letters, listen, policy
from scripts.policies.topic import exclusively
from streams.compliance.merkle_tree import MerkleTree, leaf_hash
from streams.compliance.receipt import make_receipt
from streams.compliance.signed_head import SignedHead
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_errors import TopicError, TopicMissingError
from streams.kafka.topics import apply_topics
from streams.runtime.login_audit import LoginAudit
from streams.telemetry.metrics import Metrics
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT


class Installation:
    """An installation with topics, a result and two dead letters, and its commands."""

    def __init__(self, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
        self.cluster = cluster
        self.capsys = capsys
        self.options = [
            f"--bootstrap-servers={cluster.bootstrap_servers}",
            f"--topic-prefix={cluster.prefix}",
            f"--group={cluster.group}",
        ]

    async def command(self, module: ModuleType, *arguments: str, kafka: bool = True) -> tuple[int, str, str]:
        """Run a command; its exit code, standard output and standard error."""
        main: Callable[[Sequence[str]], int] = module.main
        code = await asyncio.to_thread(main, [*arguments, *(self.options if kafka else [])])
        out, err = self.capsys.readouterr()
        return code, out, err

    async def values(self, least: int) -> list[bytes]:
        """The values of all records of the audit, once there are so many: markers follow the answer to a commit."""
        found: list[bytes] = []
        async with AuditReader(self.cluster, lambda value: found.append(value or b"")) as reader:
            while len(found) < least:
                await reader.read()
        return found

    async def entries(self, least: int) -> list[AuditEntry]:
        return [AuditEntry.from_fields(json.loads(value)) for value in await self.values(least)]

    async def told(self, least: int) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(one.action, one.outcome, one.objects) for one in await self.entries(least)]

    async def write(self, topic: str, *records: Record, partition: int = 0) -> None:
        producer = self.cluster.connection.producer()
        await producer.start()
        try:
            for one in records:
                await producer.send_and_wait(
                    self.cluster.topic(topic), one.value, key=one.key, partition=partition, headers=list(one.headers)
                )
        finally:
            await producer.stop()


@pytest.fixture
async def installation(broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]) -> Installation:
    cluster = Cluster(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    await apply_topics(cluster.connection, cluster.prefix, cluster.group)
    made = Installation(cluster, capsys)
    await made.write(COMPRESSED, replace(RESULT, sequence=0, final=True).to_record())
    reason = Rejection("contract", "MissingHeader", "ce_callid", "is required")
    letters = [
        DeadLetter(Record(b"call-1", b"%d" % number, ()), Position(cluster.topic(RAW), 0, number), reason).to_record()
        for number in range(2)
    ]
    await made.write(DEAD_LETTER, *letters)
    return made


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    """Options with a new pair of keys."""
    private = Ed25519PrivateKey.generate()
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "key").write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none))
    public = private.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pub").write_bytes(public)
    return [str(tmp_path / name) for name in ("key", "pub", "heads")]


CALL = (f"hotel:{RESULT.hotel_id}", f"call:{RESULT.call_id}")


async def test_what_hands_out_something_of_a_guest_is_told_before(installation: Installation, tmp_path: Path) -> None:
    assert (await installation.command(listen, "--from-beginning", "--count", "1"))[0] == 0
    assert (await installation.command(calls, "list"))[0] == 0  # ids, times and sizes alone
    out = str(tmp_path / "calls")
    assert (await installation.command(calls, "export", "--format", "as-is", "--out", out))[0] == 0
    assert (await installation.command(dead_letters))[0] == 0
    assert (await installation.command(dead_letters, "0:1", "--save", out))[0] == 0
    assert await installation.told(4) == [
        ("listen", "unknown", CALL),
        ("calls-export", "unknown", CALL),
        ("dead-letters-show", "unknown", ("dead-letter:0:0", "dead-letter:0:1")),
        ("dead-letters-save", "unknown", ("dead-letter:0:1",)),
    ]
    (one, *_) = await installation.entries(4)
    assert (one.user, one.method) == ("", "none")  # of brokers without accounts


async def test_what_changes_something_is_told_in_the_same_transaction(installation: Installation) -> None:
    sets = ("set", "--hotel", "lisbon", "--ceiling-level", "2", "--no-wait")
    assert (await installation.command(policy, *sets))[0] == 0
    assert (await installation.command(policy, "remove", "--hotel", "lisbon", "--yes", "--no-wait"))[0] == 0
    assert (await installation.command(dead_letters, "0:0", "0:1", "--replay"))[0] == 0
    assert await installation.told(4) == [
        ("policy-set", "success", ("hotel:lisbon",)),
        ("policy-remove", "success", ("hotel:lisbon",)),
        ("dead-letters-show", "unknown", ("dead-letter:0:0", "dead-letter:0:1")),
        ("replay", "success", ("dead-letter:0:0", "dead-letter:0:1")),
    ]


async def test_what_is_not_committed_is_not_told(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    async with exclusively(installation.cluster, "lisbon") as writer:
        monkeypatch.setattr(writer._writer._producer, "send_and_wait", fail)  # noqa: SLF001  after the entry was sent
        with pytest.raises(RuntimeError, match="on purpose"):
            await writer.write(PolicyEvent("lisbon", None))
    sets = ("set", "--hotel", "porto", "--ceiling-level", "2", "--no-wait")
    assert (await installation.command(policy, *sets))[0] == 0
    assert await installation.told(1) == [("policy-set", "success", ("hotel:porto",))]


async def until_deleted(installation: Installation, topic: str) -> None:
    """Wait until the brokers say that a topic does not exist: they hear of it one after the other."""
    while True:
        try:
            await installation.cluster.check([topic])
        except TopicMissingError:
            return
        except TopicError:  # some of it is still there
            pass
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (listen, ["--from-beginning", "--count", "1"]),
        (calls, ["export", "--format", "as-is"]),
        (dead_letters, []),
        (dead_letters, ["0:0", "--replay"]),
        (policy, ["set", "--hotel", "lisbon", "--ceiling-level", "2", "--no-wait"]),
    ],
)
async def test_without_an_audit_nothing_is_handed_out_or_changed(
    broker: Broker, installation: Installation, tmp_path: Path, module: ModuleType, arguments: list[str]
) -> None:
    admin = KafkaConnection(broker.bootstrap_servers).admin()
    await admin.start()
    await admin.delete_topics([installation.cluster.topic(AUDIT)])
    await admin.close()
    await until_deleted(installation, AUDIT)
    if module is calls:
        arguments = [*arguments, "--out", str(tmp_path / "out")]
    code, out, err = await installation.command(module, *arguments)
    assert (code, out) == (1, "")
    assert "audio.audit" in err
    assert not (tmp_path / "out").exists()
    for topic in (RAW, POLICY):
        assert await size(installation, topic) == 0


async def size(installation: Installation, topic: str) -> int:
    consumer = installation.cluster.connection.consumer(installation.cluster.topic(topic))
    await consumer.start()
    try:
        return sum((await consumer.end_offsets(list(consumer.assignment()))).values())
    finally:
        await consumer.stop()


async def test_a_signed_audit_is_verified_and_a_changed_one_is_not(
    installation: Installation, keys: list[str], tmp_path: Path
) -> None:
    key, public, heads = keys
    signs = ("sign", "--key", key, "--heads", heads)
    verifies = ("verify", "--public-key", public, "--heads", heads)
    code, _, err = await installation.command(audit, "verify", "--public-key", public)
    assert (code, "no signed head" in err) == (1, True)
    for _ in range(3):
        await installation.command(listen, "--from-beginning", "--count", "1")
        assert (await installation.command(audit, *signs))[0] == 0
    code, out, err = await installation.command(audit, *verifies)
    assert (code, err) == (0, "")
    assert out.startswith("6 records, ")
    assert out.endswith("the first 5 are signed\n")
    code, out, _ = await installation.command(audit, "show", "--what", "listen", "--json", "-")
    assert (code, len(json.loads(out))) == (0, 3)
    code, out, _ = await installation.command(audit, "show", "--object", CALL[1], "--last", "2")
    assert (code, out.count("listen")) == (0, 2)

    # Whoever can write the topic writes what looks like an entry.
    values = await installation.values(6)
    await installation.write(AUDIT, Record(b"x", values[2]))
    code, _, err = await installation.command(audit, *verifies)
    assert (code, "does not follow" in err) == (1, True)
    code, _, err = await installation.command(audit, *signs)
    assert (code, "is not signed" in err) == (1, True)


async def test_a_topic_that_was_made_again_is_cut(installation: Installation, keys: list[str], broker: Broker) -> None:
    key, public, heads = keys
    await installation.command(listen, "--from-beginning", "--count", "1")
    assert (await installation.command(audit, "sign", "--key", key, "--heads", heads))[0] == 0
    other = Cluster(installation.cluster.connection, f"{installation.cluster.prefix}again.", installation.cluster.group)
    await apply_topics(other.connection, other.prefix, other.group)
    again = Installation(other, installation.capsys)
    code, _, err = await again.command(audit, "verify", "--public-key", public, "--heads", heads)
    assert (code, "of another log" in err) == (1, True)


async def test_a_receipt_is_checked_without_kafka(installation: Installation, keys: list[str], tmp_path: Path) -> None:
    key, public, heads = keys
    await installation.command(listen, "--from-beginning", "--count", "1")
    assert (await installation.command(audit, "sign", "--key", key, "--heads", heads))[0] == 0
    values, tree = await installation.values(1), MerkleTree()
    for value in values:
        tree.append(leaf_hash(value))
    head = SignedHead.from_fields(json.loads(Path(heads).read_text()))
    receipt = tmp_path / "receipt.json"
    receipt.write_text(make_receipt(tree, 0, values[0], head).to_json())
    checks = ("check-receipt", str(receipt), "--public-key", public)
    code, out, _ = await installation.command(audit, *checks, kafka=False)
    assert (code, CALL[1] in out) == (0, True)
    receipt.write_text(receipt.read_text().replace(CALL[1], "call:another"))
    code, _, err = await installation.command(audit, *checks, kafka=False)
    assert (code, "proves nothing" in err) == (1, True)
    for wrong in (key, heads):
        code, _, err = await installation.command(
            audit, "check-receipt", str(receipt), "--public-key", wrong, kafka=False
        )
        assert (code, "no public key" in err) == (1, True)


async def test_a_receipt_is_made_when_a_signed_head_covers_the_entry(
    installation: Installation, keys: list[str], tmp_path: Path
) -> None:
    key, public, heads = keys
    await installation.command(listen, "--from-beginning", "--count", "1")
    ((entry, *_), receipt) = await installation.entries(1), str(tmp_path / "receipt.json")
    makes = ("receipt", receipt, "--request", entry.request)
    code, _, err = await installation.command(audit, *makes)
    assert (code, "no signed head covers" in err) == (1, True)
    assert (await installation.command(audit, "sign", "--key", key, "--heads", heads))[0] == 0
    assert (await installation.command(audit, *makes, "--object", CALL[1]))[0] == 0
    checks = ("check-receipt", receipt, "--public-key", public)
    code, out, _ = await installation.command(audit, *checks, kafka=False)
    assert (code, CALL[1] in out) == (0, True)
    for wrong in (("--request", "another"), ("--request", entry.request, "--object", "call:another")):
        code, _, err = await installation.command(audit, "receipt", receipt, *wrong)
        assert (code, "no entry of the request" in err) == (1, True)


async def test_refused_logins_are_told_together(installation: Installation) -> None:
    metrics = Metrics()
    logins = LoginAudit(installation.cluster.connection, installation.cluster.topic(AUDIT), metrics)
    for _ in range(1000):
        logins.refused("unknown_key")
    logins.refused("expired_key")
    running = asyncio.create_task(logins.run())
    told = await installation.entries(2)
    running.cancel()
    counted = metrics.registry.get_sample_value("audio_logins_refused_total", {"reason": "unknown_key"})
    assert counted == 1000
    assert [(one.action, one.outcome, one.reason) for one in told] == [
        ("login-refused", "failure", "unknown_key, 1000 times"),
        ("login-refused", "failure", "expired_key, 1 times"),
    ]
