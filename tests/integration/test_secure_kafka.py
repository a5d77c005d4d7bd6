"""Connections with TLS and accounts to a Kafka that allows nothing by itself."""

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from infra.kafka.certificates import Authority
from infra.kafka.cluster import LocalCluster
from infra.kafka.errors import LocalKafkaError
from infra.kafka.ports import free_ports
from infra.kafka.secure import ADMIN, ClusterSecurity
from schemas import MediaType, RawAudio
from schemas.access import Grant, load_roles
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, POLICY, RAW
from scripts.commands import access
from streams.clients import AccessDeniedError, CompressedAudioConsumer, HotelAudioError, RawAudioProducer
from streams.kafka.access import grant, grants_of, revoke
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import ConnectionRefusalError
from streams.kafka.topic_errors import TopicHiddenError
from streams.kafka.topics import apply_topics, check_topics
from tests.support.brokers import Namespace
from tests.support.secure_kafka import SecureKafka

SOON = 20.0
HIGH = "SCRAM-SHA-512"


def segment(number: int) -> RawAudio:
    return RawAudio(str(number), "/pbx", "lisbon", "call-1", MediaType("audio/PCMU"), bytes(1600))


@pytest.fixture
async def installation(secure_kafka: SecureKafka, namespace: Namespace) -> AsyncIterator[Namespace]:
    """Topics, and for each role an account with its name that has its rights."""
    await apply_topics(secure_kafka.admin, namespace.prefix, namespace.group)
    for role in load_roles():
        await secure_kafka.grant(role, role, namespace)
    yield namespace
    for role in load_roles():
        await revoke(secure_kafka.admin, load_roles()[role].grants(role, namespace.prefix, namespace.group))


async def round_trip(connection: KafkaConnection, topic: str) -> None:
    """Write a record in a transaction, and read it."""
    async with asyncio.timeout(SOON):
        producer = connection.producer(transactional_id=f"{topic}-writer")
        await producer.start()
        try:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"1", partition=0)
        finally:
            await producer.stop()
        consumer = connection.consumer(topic, isolation_level="read_committed", auto_offset_reset="earliest")
        await consumer.start()
        try:
            assert (await consumer.getone()).value == b"1"
        finally:
            await consumer.stop()


@pytest.mark.parametrize("mechanism", [HIGH, "SCRAM-SHA-256", "PLAIN"])
async def test_an_account_over_tls(installation: Namespace, secure_kafka: SecureKafka, mechanism: str) -> None:
    connection = secure_kafka.logged_in(ADMIN, KAFKA_SASL_MECHANISM=mechanism)
    assert connection.security.protocol == "SASL_SSL"
    await round_trip(connection, f"{installation.prefix}{RAW}")


async def test_a_certificate(installation: Namespace, secure_kafka: SecureKafka) -> None:
    connection = secure_kafka.connection(ADMIN)
    assert connection.security.protocol == "SSL"
    await round_trip(connection, f"{installation.prefix}{RAW}")


async def test_an_account_in_plain_text(tmp_path: Path, namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypted = ClusterSecurity.properties

    def plain(self: ClusterSecurity, *ports: int, **others: Any) -> str:
        return encrypted(self, *ports, **others).replace("ACCOUNTS:SASL_SSL", "ACCOUNTS:SASL_PLAINTEXT")

    monkeypatch.setattr(ClusterSecurity, "properties", plain)
    cluster = LocalCluster(tmp_path / "kafka", 1, free_ports(1), accounts=[])
    await asyncio.to_thread(cluster.start)
    try:
        changed = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SSL_CAFILE": ""}
        for mechanism in (HIGH, "PLAIN"):
            connection = SecureKafka(cluster).logged_in(ADMIN, KAFKA_SASL_MECHANISM=mechanism, **changed)
            topic = f"{namespace.prefix}{mechanism}-"
            await apply_topics(connection, topic, namespace.group)
            await round_trip(connection, f"{topic}{RAW}")
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_whom_nobody_knows_gets_no_connection(secure_kafka: SecureKafka, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("a guess")
    others = Authority(tmp_path / "others")
    strangers = {
        "refuses the account worker": secure_kafka.logged_in("worker", KAFKA_SASL_PASSWORD_FILE=str(wrong)),
        "refuses the account nobody": secure_kafka.logged_in("worker", KAFKA_SASL_USERNAME="nobody"),
        "a certificate that is not trusted": secure_kafka.logged_in("worker", KAFKA_SSL_CAFILE=str(others.certificate)),
        "speaks TLS, and this connection is PLAINTEXT": KafkaConnection(secure_kafka.cluster.bootstrap_servers),
    }
    for said, connection in strangers.items():
        with pytest.raises(AccessDeniedError, match=said):
            async with asyncio.timeout(SOON), RawAudioProducer(connection):
                pytest.fail(f"connected, and not: {said}")
        with pytest.raises(ConnectionRefusalError, match=said):
            await check_topics(connection, "", "")
    nobody = KafkaConnection(f"127.0.0.1:{free_ports(1)}", secure_kafka.admin.security)
    with pytest.raises(KafkaConnectionError) as caught:
        await check_topics(nobody, "", "")
    assert not isinstance(caught.value, ConnectionRefusalError)


async def test_topics_that_an_account_may_not_see_are_not_missing(
    installation: Namespace, secure_kafka: SecureKafka
) -> None:
    prefix, group = installation.prefix, installation.group
    with pytest.raises(TopicHiddenError, match=f"may not see {prefix}{AUDIT}, {prefix}{COMPRESSED},"):
        await check_topics(secure_kafka.logged_in("telephony"), prefix, group)
    with pytest.raises(TopicHiddenError, match=f"settings of {prefix}{COMPRESSED}"):
        await check_topics(secure_kafka.logged_in("monitor"), prefix, group, [COMPRESSED])


async def refused(act: Awaitable[object]) -> None:
    with pytest.raises((HotelAudioError, KafkaError)) as caught:
        await act
    assert isinstance(caught.value, AccessDeniedError) or "Authorization" in repr(caught.value), repr(caught.value)


async def send(connection: KafkaConnection, topic: str) -> None:
    async with RawAudioProducer(connection, topic, timeout=SOON) as producer:
        await producer.send(segment(1))


async def write(connection: KafkaConnection, topic: str, transactional_id: str | None = None) -> None:
    async with asyncio.timeout(SOON):
        producer = connection.producer(transactional_id=transactional_id)
        try:
            await producer.start()
            await producer.send_and_wait(topic, b"1")
        finally:
            await producer.stop()


async def read(connection: KafkaConnection, topic: str, group: str | None = None) -> None:
    async with asyncio.timeout(SOON), CompressedAudioConsumer(connection, topic, group_id=group) as consumer:
        await anext(consumer)


async def test_nobody_does_what_the_role_does_not_have(installation: Namespace, secure_kafka: SecureKafka) -> None:
    raw, results, letters, policy = (f"{installation.prefix}{name}" for name in (RAW, COMPRESSED, DEAD_LETTER, POLICY))
    audit = f"{installation.prefix}{AUDIT}"
    as_role = {role: secure_kafka.logged_in(role) for role in load_roles()}
    await send(as_role["telephony"], raw)  # what is refused below is not refused for another reason
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "telephony reads calls": lambda: read(as_role["telephony"], raw),
        "telephony reads results": lambda: read(as_role["telephony"], results),
        "telephony writes results": lambda: write(as_role["telephony"], results),
        "telephony sets a policy": lambda: write(as_role["telephony"], policy),
        "consumer reads calls": lambda: read(as_role["consumer"], raw),
        "consumer writes results": lambda: write(as_role["consumer"], results),
        "consumer reads dead letters": lambda: read(as_role["consumer"], letters),
        "consumer is in the workers' group": lambda: read(as_role["consumer"], results, installation.group),
        "worker sends calls": lambda: write(as_role["worker"], raw),
        "worker sets a policy": lambda: write(as_role["worker"], policy),
        "worker takes another's transactions": lambda: write(as_role["worker"], results, "somebody-else"),
        "monitor sends calls": lambda: write(as_role["monitor"], raw),
        "monitor reads results": lambda: read(as_role["monitor"], results),
        "operator writes results": lambda: write(as_role["operator"], results),
        "operator takes a worker's transactions": lambda: write(
            as_role["operator"], raw, f"{installation.group}-worker"
        ),
        "telephony writes into the audit": lambda: write(as_role["telephony"], audit),
        "worker reads the audit": lambda: read(as_role["worker"], audit),
        "consumer reads the audit": lambda: read(as_role["consumer"], audit),
        "operator reads the audit": lambda: read(as_role["operator"], audit),
        "telephony grants itself rights": lambda: grants_of(as_role["telephony"], ["telephony"]),
    }
    await asyncio.gather(*(refused(act()) for act in acts.values()))


async def test_access_is_compared_and_mended(
    secure_kafka: SecureKafka,
    namespace: Namespace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = f"{namespace.group}-pbx"
    for name, value in secure_kafka.variables(ADMIN).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUDIO_TOPIC_PREFIX", namespace.prefix)

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(access.main, [*arguments, f"telephony={account}"])
        return code, capsys.readouterr().out

    assert (await run("check"))[0] == 1
    assert (await run("apply"))[0] == 0
    await eventually(lambda: run("check"))
    surplus = Grant(account, "topic", f"{namespace.prefix}{RAW}", prefixed=False, operation="Read")
    await allow(secure_kafka, surplus)
    code, told = await run("check")
    assert (code, f"too much: {surplus}" in told) == (1, True)
    assert f"revoked: {surplus}" in (await run("apply", "--revoke-others"))[1]
    await eventually(lambda: run("check"))


async def allow(kafka: SecureKafka, one: Grant) -> None:
    await grant(kafka.admin, [one])
    while one not in await grants_of(kafka.admin, [one.account]):
        await asyncio.sleep(0.1)


async def eventually(check: Callable[[], Awaitable[tuple[int, str]]]) -> None:
    """What the controller has decided reaches a broker soon, not at once."""
    async with asyncio.timeout(SOON):
        while (await check())[0] != 0:
            await asyncio.sleep(0.1)


def test_only_their_owner_reads_the_files_of_a_secure_kafka(tmp_path: Path) -> None:
    LocalCluster(tmp_path / "kafka", 1, free_ports(1), accounts=["worker"])
    made = {path: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "kafka", *(tmp_path / "kafka").rglob("*")]}
    assert made
    assert {path: mode for path, mode in made.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_arguments_that_kafka_refuses_are_told_without_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ClusterSecurity.format_arguments

    def with_one_more(*given: Any) -> list[str]:
        all_of_them = arguments(*given)
        return [*all_of_them[:-4], "one-more", *all_of_them[-4:]]

    monkeypatch.setattr(ClusterSecurity, "format_arguments", with_one_more)
    cluster = LocalCluster(tmp_path, 1, free_ports(1), accounts=["desk"])
    with pytest.raises(LocalKafkaError, match="usage: kafka-storage") as refused:
        cluster.start()
    assert cluster.security is not None
    log = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    for account in (ADMIN, "desk"):
        password = cluster.security.password_file(account).read_text()
        assert password not in str(refused.value)
        assert password not in log
