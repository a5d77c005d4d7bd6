"""Passwords and certificates change under a worker that has calls, and nobody restarts anything."""

import asyncio
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from infra.kafka.secure import ADMIN, ClusterSecurity
from infra.secret_files import write_secret
from schemas import CompressedAudio
from schemas.access import load_roles
from schemas.topics import COMPRESSED, RAW
from scripts.processes.secure_kafka import renew_certificates, variables
from streams.clients import AccessDeniedError, CompressedAudioConsumer, HotelAudioError, RawAudioProducer
from streams.kafka.access import grants_of
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker
from tests.support import events
from tests.support.brokers import Namespace
from tests.support.secure_kafka import SecureKafka, secure_kafka

SOON = 90.0
LIFETIME_S = 4.0  # of a login


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A secure Kafka where logins last for seconds."""
    usual = ClusterSecurity.properties

    def short(self: ClusterSecurity, *ports: int, **others: Any) -> str:
        return f"{usual(self, *ports, **others)}connections.max.reauth.ms={LIFETIME_S * 1000:.0f}\n"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClusterSecurity, "properties", short)
        with secure_kafka(tmp_path_factory.mktemp("rotation") / "kafka") as started:
            yield started


def scram(kafka: SecureKafka) -> AdminClient:
    """A client that can change passwords."""
    security = kafka.cluster.security
    assert security is not None
    identity = str(security.certificate(ADMIN))
    return AdminClient(
        {
            "bootstrap.servers": kafka.cluster.mutual_servers,
            "security.protocol": "SSL",
            "ssl.ca.location": str(security.authorities),
            "ssl.certificate.location": identity,
            "ssl.key.location": identity,
        }
    )


def change_account(kafka: SecureKafka, change: UserScramCredentialUpsertion | UserScramCredentialDeletion) -> None:
    client = scram(kafka)
    for done in client.alter_user_scram_credentials([change]).values():
        done.result(SOON)


def set_password(kafka: SecureKafka, account: str, password: str) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change_account(kafka, UserScramCredentialUpsertion(account, info, password.encode()))


def remove_account(kafka: SecureKafka, account: str) -> None:
    change_account(kafka, UserScramCredentialDeletion(account, ScramMechanism.SCRAM_SHA_512))


@pytest.fixture
async def installation(kafka: SecureKafka, namespace: Namespace) -> Namespace:
    await apply_topics(kafka.admin, namespace.prefix, namespace.group)
    for role in load_roles():
        await kafka.grant(role, role, namespace)
    wanted = {
        one for role in load_roles() for one in load_roles()[role].grants(role, namespace.prefix, namespace.group)
    }
    async with asyncio.timeout(SOON):  # what the controller has decided reaches a broker soon, not at once
        while not wanted <= set(await grants_of(kafka.admin, list(load_roles()))):
            await asyncio.sleep(0.1)
    return namespace


@pytest.fixture
async def worker(kafka: SecureKafka, installation: Namespace, tmp_path: Path) -> AsyncIterator[Worker]:
    """A worker with an account, and a certificate that it may show, in files of its own."""
    settings = variables(kafka.cluster, "worker")
    password, certificate = tmp_path / "password", tmp_path / "worker.pem"
    password.write_bytes(Path(settings["KAFKA_SASL_PASSWORD_FILE"]).read_bytes())
    assert kafka.cluster.security is not None
    certificate.write_bytes(kafka.cluster.security.certificate("worker").read_bytes())
    settings |= {"KAFKA_SASL_PASSWORD_FILE": str(password), "KAFKA_SSL_CERTFILE": str(certificate)}
    servers = settings.pop("KAFKA_BOOTSTRAP_SERVERS")
    made = Worker(servers, installation.prefix, installation.group, tmp_path / "worker", **settings)
    yield made
    if made.starts and made.alive:
        made.kill()


async def send_until(done: asyncio.Event, kafka: SecureKafka, topic: str) -> int:
    """Send calls all the time, with a certificate, which no login limits; returns their number."""
    async with RawAudioProducer(kafka.connection("telephony"), topic) as producer:
        for number in itertools.count():
            if done.is_set():
                return number
            await producer.send(replace(events.RAW, id=str(number), call_id=f"call-{number % 40}"))
            await asyncio.sleep(0.02)
    raise AssertionError


async def answers(kafka: SecureKafka, installation: Namespace, number: int) -> list[str]:
    found: list[str] = []
    async with (
        asyncio.timeout(SOON),
        CompressedAudioConsumer(
            kafka.connection("consumer"), f"{installation.prefix}{COMPRESSED}", from_beginning=True
        ) as consumer,
    ):
        while len(found) < number or len(set(found)) < number:
            result = await anext(consumer)
            assert isinstance(result, CompressedAudio)
            found.append(result.causation_id)
    return found


@pytest.mark.long
async def test_everything_is_replaced_under_load_and_every_call_comes_out_once(
    kafka: SecureKafka, installation: Namespace, worker: Worker
) -> None:
    worker.start()
    await asyncio.to_thread(worker.wait_ready)
    done = asyncio.Event()
    sending = asyncio.create_task(send_until(done, kafka, f"{installation.prefix}{RAW}"))
    address = ("127.0.0.1", int(kafka.cluster.bootstrap_servers.partition(":")[2]))
    shown = await asyncio.to_thread(ssl.get_server_certificate, address)
    await renew_certificates(kafka.cluster)
    assert await asyncio.to_thread(ssl.get_server_certificate, address) != shown
    for new in ("the-second-password", "the-third-password"):
        await asyncio.to_thread(set_password, kafka, "worker", new)
        write_secret(Path(worker.environment["KAFKA_SASL_PASSWORD_FILE"]), new.encode())
        await asyncio.sleep(LIFETIME_S * 1.5)  # so that logins end, and begin again with the new password
    assert kafka.cluster.security is not None
    file = Path(worker.environment["KAFKA_SSL_CERTFILE"])
    write_secret(file, Path(kafka.cluster.security.certificate("worker")).read_bytes())
    told = f"TLS files were read again: {worker.environment['KAFKA_SSL_CAFILE']}, {file}"
    async with asyncio.timeout(SOON):
        while told not in worker.log.read_text():
            assert worker.alive, worker.tail()
            await asyncio.sleep(0.2)
    done.set()
    sent = await sending
    found = await answers(kafka, installation, sent)
    assert sorted(found, key=int) == [str(number) for number in range(sent)]
    assert (worker.starts, worker.alive) == (1, True)
    errors = [line for line in worker.lines() if line["level"] in {"critical", "error"}]
    assert [line for line in errors if "transaction" in str(line)] == []
    assert worker.stop() == 0


async def send_after_removal(kafka: SecureKafka, topic: str, seconds: float) -> None:
    """Go on to send on a connection whose account was removed."""
    async with RawAudioProducer(kafka.logged_in("telephony"), topic, timeout=LIFETIME_S) as producer:
        await producer.send(events.RAW)
        await asyncio.to_thread(remove_account, kafka, "telephony")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await producer.send(events.RAW)
            await asyncio.sleep(0.1)


async def test_an_account_that_is_removed_is_cut_off(kafka: SecureKafka, installation: Namespace) -> None:
    topic = f"{installation.prefix}{RAW}"
    with pytest.raises(HotelAudioError):
        await send_after_removal(kafka, topic, SOON)
    with pytest.raises(AccessDeniedError, match="refuses the account telephony"):
        async with RawAudioProducer(kafka.logged_in("telephony"), topic):
            pytest.fail("a removed account is let in")
