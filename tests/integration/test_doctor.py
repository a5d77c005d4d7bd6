"""The doctor's lines about sound installations and broken ones, each of them real."""

import asyncio
import json
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic

from infra.kafka.certificates import Authority
from infra.kafka.ports import free_ports
from infra.kafka.secure import ADMIN
from schemas.access import Grant, load_roles
from schemas.topics import COMPRESSED, RAW
from scripts.commands import doctor
from scripts.processes.secure_kafka import variables
from streams.kafka.access import grant, grants_of, revoke
from streams.kafka.protocol.alter_configs import IncrementalAlterConfigs
from streams.kafka.topic_admin import any_broker, connected_admin
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.certificate import write_certificate
from tests.support.secure_kafka import SecureKafka
from tests.support.web_endpoint import serving

SOON = 20.0
Doctor = Callable[..., "asyncio.Future[tuple[int, str]]"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Doctor:
    """Run the doctor with some settings and none of the environment's."""
    for name in [name for name in os.environ if name.startswith(("AUDIO_", "KAFKA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUDIO_STATE_DIR", str(tmp_path / "state"))

    async def run(settings: Mapping[str, str], *arguments: str) -> tuple[int, str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = await asyncio.to_thread(doctor.main, [*arguments])
        return code, capsys.readouterr().out

    return lambda settings, *arguments: asyncio.ensure_future(run(settings, *arguments))


@pytest.fixture
async def installation(secure_kafka: SecureKafka, namespace: Namespace) -> AsyncIterator[Mapping[str, str]]:
    """Topics, and rights for an account of each role; yields the names as settings."""
    await apply_topics(secure_kafka.admin, namespace.prefix, namespace.group)
    for role in load_roles():
        await secure_kafka.grant(role, role, namespace)
    yield {"AUDIO_TOPIC_PREFIX": namespace.prefix, "AUDIO_GROUP": namespace.group}
    for role in load_roles():
        await revoke(secure_kafka.admin, load_roles()[role].grants(role, namespace.prefix, namespace.group))


def settings_of(kafka: SecureKafka, account: str, names: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**variables(kafka.cluster, account), **(names or {})}


async def granted(kafka: SecureKafka, role: str, account: str, namespace: Namespace) -> None:
    """What the controller has decided reaches a broker soon, not at once."""
    wanted = set(load_roles()[role].grants(account, namespace.prefix, namespace.group))
    async with asyncio.timeout(SOON):
        while not wanted <= set(await grants_of(kafka.admin, [account])):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("role", load_roles())
async def test_nothing_fails_where_all_is_well(
    role: str, installation: Mapping[str, str], secure_kafka: SecureKafka, namespace: Namespace, told: Doctor
) -> None:
    await granted(secure_kafka, role, role, namespace)
    settings = settings_of(secure_kafka, role, installation)
    code, text = await told({**settings, "AUDIO_HTTP_PORT": "0"}, "--role", role)
    assert (code, re.findall(r"^FAILED .*|^warning .*right.*", text, re.MULTILINE)) == (0, []), text
    assert f"login 127.0.0.1:{secure_kafka.cluster.bootstrap_servers.partition(':')[2]}: as {role}" in text
    rights = load_roles()[role].grants(role, namespace.prefix, namespace.group)
    assert text.count("\nok           right ") == len(rights)
    password = Path(settings["KAFKA_SASL_PASSWORD_FILE"]).read_text()
    assert password not in text


async def test_a_plain_installation_and_its_json(
    broker: Broker, namespace: Namespace, told: Doctor, tmp_path: Path
) -> None:
    file = tmp_path / "doctor.json"
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "AUDIO_TOPIC_PREFIX": namespace.prefix,
        "AUDIO_GROUP": namespace.group,
        "AUDIO_HTTP_PORT": "0",
    }
    code, text = await told(settings, "--json", str(file))
    assert code == 1
    assert f"FAILED       topic {namespace.prefix}{RAW}: does not exist\n             -> ./scripts/topics apply" in text
    report = json.loads(file.read_text())
    assert (report["role"], report["succeeded"], report["failed"] > 0) == ("worker", False, True)
    assert f"not checked  right Read topic {namespace.prefix}{RAW}: because the topic does not exist" in text
    code, text = await told({"KAFKA_SECURITY_PROTOCOL": "SSL"}, "--role", "telephony")
    assert code == 1
    assert "speaks Kafka in plain text, and this connection is SSL: it needs PLAINTEXT or SASL_PLAINTEXT" in text


async def test_brokers_that_are_not_there(told: Doctor) -> None:
    nobody = f"127.0.0.1:{free_ports(1)}"
    code, text = await told({}, "--role", "telephony", "--bootstrap-servers", f"{nobody},unknown.invalid:9092")
    assert code == 1
    assert f"FAILED       port {nobody}: nothing listens there" in text
    assert "FAILED       name unknown.invalid:9092: the name unknown.invalid is not known" in text
    assert "not checked  right: because the check of brokers failed" in text


async def test_a_port_that_speaks_something_else(secure_kafka: SecureKafka, told: Doctor) -> None:
    with serving({}) as web:
        address = web.url.removeprefix("http://")
        code, text = await told({"KAFKA_BOOTSTRAP_SERVERS": address}, "--role", "telephony")
    assert (code, f"FAILED       protocol {address}: speaks HTTP, not Kafka" in text) == (1, True), text
    address = secure_kafka.cluster.bootstrap_servers
    code, text = await told({"KAFKA_BOOTSTRAP_SERVERS": address}, "--role", "telephony")
    assert code == 1
    assert f"FAILED       protocol {address}: speaks TLS, and this connection is PLAINTEXT" in text


async def test_one_broker_of_the_list_is_enough(
    installation: Mapping[str, str], secure_kafka: SecureKafka, told: Doctor
) -> None:
    settings = settings_of(secure_kafka, ADMIN, installation)
    settings["KAFKA_BOOTSTRAP_SERVERS"] += f",127.0.0.1:{free_ports(1)}"
    code, text = await told(settings, "--role", "telephony")
    assert (code, "nothing listens there" in text, "1 warning" in text) == (0, True, True), text


@asynccontextmanager
async def tls_server(host: str, certificate: Path, key: Path) -> AsyncIterator[str]:
    """A port that shakes hands with a certificate, and says nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), host, 0, ssl=context)
    async with server:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "hours", "said"),
    [
        ("127.0.0.1", -1, "certificate has expired\n.*-> issue another certificate"),
        ("127.0.0.2", 1, "not valid for '127.0.0.2'.*\n.*-> it is for localhost, 127.0.0.1: write one of these"),
    ],
)
async def test_a_certificate_that_does_not_hold(host: str, hours: int, said: str, told: Doctor, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(certificate, key, timedelta(hours=hours))
    async with tls_server(host, certificate, key) as address:
        settings = {"KAFKA_BOOTSTRAP_SERVERS": address, "KAFKA_SECURITY_PROTOCOL": "SSL"}
        code, text = await told({**settings, "KAFKA_SSL_CAFILE": str(certificate)}, "--role", "telephony")
    assert code == 1
    assert re.search(rf"FAILED       TLS {address}: .*{said}", text), text


async def test_an_authority_that_has_not_issued_the_brokers_certificate(
    secure_kafka: SecureKafka, told: Doctor, tmp_path: Path
) -> None:
    settings = settings_of(secure_kafka, "telephony")
    other = Authority(tmp_path / "other").certificate
    code, text = await told({**settings, "KAFKA_SSL_CAFILE": str(other)}, "--role", "telephony")
    assert code == 1
    assert "has a certificate that is not trusted" in text
    assert "KAFKA_SSL_CAFILE has to have the certificate of that authority" in text


async def test_an_account_that_is_refused(secure_kafka: SecureKafka, told: Doctor, tmp_path: Path) -> None:
    settings = settings_of(secure_kafka, "telephony")
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password")
    wrong.chmod(0o644)
    code, text = await told({**settings, "KAFKA_SASL_PASSWORD_FILE": str(wrong)}, "--role", "telephony")
    assert (code, "login" in text, "not-the-password" in text) == (1, True, False)
    assert "refuses the account telephony, or its password" in text
    assert f"warning      secret files KAFKA_SASL_PASSWORD_FILE: everybody on this machine can read {wrong}" in text
    code, text = await told({**settings, "KAFKA_SASL_USERNAME": "nobody"}, "--role", "telephony")
    assert (code, "refuses the account nobody, or its password" in text) == (1, True)


async def test_each_right_that_is_missing_is_named(
    installation: Mapping[str, str], secure_kafka: SecureKafka, namespace: Namespace, told: Doctor
) -> None:
    every = load_roles()["worker"].grants("worker", namespace.prefix, namespace.group)
    chosen = [
        Grant("worker", "topic", f"{namespace.prefix}{COMPRESSED}", prefixed=False, operation="Write"),
        Grant("worker", "group", namespace.group, prefixed=False, operation="Read"),
        Grant("worker", "transactional_id", f"{namespace.group}-", prefixed=True, operation="Write"),
    ]
    assert set(chosen) < set(every)
    await granted(secure_kafka, "worker", "worker", namespace)
    await revoke(secure_kafka.admin, chosen)
    async with asyncio.timeout(SOON):
        while set(chosen) & set(await grants_of(secure_kafka.admin, ["worker"])):
            await asyncio.sleep(0.1)
    settings = {**settings_of(secure_kafka, "worker", installation), "AUDIO_HTTP_PORT": "0"}
    code, text = await told(settings)
    missing = re.findall(r"^FAILED       right (.*): this account lacks it$", text, re.MULTILINE)
    assert (code, missing) == (1, [str(one).removeprefix("worker ") for one in every if one in chosen])
    await grant(secure_kafka.admin, chosen)


async def test_a_topic_with_other_settings_and_one_with_too_few_partitions(
    secure_kafka: SecureKafka, namespace: Namespace, told: Doctor
) -> None:
    raw, results = f"{namespace.prefix}{RAW}", f"{namespace.prefix}{COMPRESSED}"
    async with connected_admin(secure_kafka.admin) as admin:
        await admin.create_topics([NewTopic(results, 2, 1)])
    names = {"AUDIO_TOPIC_PREFIX": namespace.prefix, "AUDIO_GROUP": namespace.group}
    settings = settings_of(secure_kafka, ADMIN, names)
    few = f"FAILED       topic {results}: topic {results} has partitions=2 and must have 8"
    async with asyncio.timeout(SOON):
        while few not in (await told(settings, "--role", "consumer"))[1]:
            await asyncio.sleep(0.1)
    async with connected_admin(secure_kafka.admin) as admin:
        await admin.delete_topics([results])
    async with asyncio.timeout(SOON):
        while (await told(settings, "--role", "consumer"))[1].count("does not exist") == 0:
            await asyncio.sleep(0.1)
    await apply_topics(secure_kafka.admin, namespace.prefix, namespace.group)
    async with connected_admin(secure_kafka.admin) as admin:
        changes = {raw: {"max.message.bytes": "1000"}}
        await any_broker(lambda: admin._send_request(IncrementalAlterConfigs(changes)))  # noqa: SLF001  no public one
    async with asyncio.timeout(SOON):
        while f"topic {raw} has max.message.bytes=1000" not in (await told(settings, "--role", "telephony"))[1]:
            await asyncio.sleep(0.1)


async def test_a_machine_that_cannot_run_a_worker(told: Doctor, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with serving({}) as web:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_ports(1)}",
            "AUDIO_STATE_DIR": str(file / "state"),
            "AUDIO_HTTP_PORT": str(web.server_port),
            "AUDIO_MEMORY_LIMIT": "100MB",
            "AUDIO_CASH_SIZE": "1GB",
        }
        code, text = await told(settings)
    assert code == 1
    assert f"FAILED       state directory: AUDIO_STATE_DIR={file}/state: Not a directory" in text
    assert re.search(rf"FAILED       HTTP endpoint: AUDIO_HTTP_PORT={web.server_port}: .*address already in use", text)
    assert re.search(r"warning      memory: \d+ MiB needed .* of the limit's 95 MiB", text)
    assert (
        "warning      settings AUDIO_CASH_SIZE: AUDIO_CASH_SIZE is no setting; did you mean AUDIO_CACHE_SIZE?" in text
    )


async def test_settings_that_cannot_be_used_are_all_named(told: Doctor) -> None:
    settings = {"AUDIO_HTTP_PORT": "70000", "KAFKA_SECURITY_PROTOCOL": "tls", "KAFKA_BOOTSTRAP_SERVERS": "here"}
    code, text = await told(settings)
    assert (code, text.count("FAILED       settings ")) == (1, 3), text
    assert "not checked  brokers: because the check of settings failed" in text
    code, text = await told({"AUDIO_HTTP_PORT": "0", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "--role", "monitor")
    assert code == 1
