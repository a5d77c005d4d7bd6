"""Files of a connection are read again when they have changed."""

import copy
import ssl
from pathlib import Path

import pytest

from infra.kafka.certificates import Authority
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import (
    CertificateError,
    ConnectionSecurity,
    Login,
    client_context,
    server_context,
)
from streams.kafka.secret_text import FileSecret, latest


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def test_a_secret_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    secret = FileSecret(file.read_text(), file.read_text)
    file.write_text("second")
    assert (secret, latest(secret), latest(copy.deepcopy(secret)), latest("of no file")) == (
        "first",
        "second",
        "second",
        "of no file",
    )
    file.unlink()
    assert latest(secret) == "second"


async def test_every_client_logs_in_with_the_latest_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    login = Login("worker", FileSecret("first", file.read_text), "PLAIN")
    connection = KafkaConnection("one:9092", ConnectionSecurity(login=login))
    consumer, producer, client, admin = (
        connection.consumer("topic"),
        connection.producer(),
        connection.client(),
        connection.admin(),
    )
    file.write_text("second")
    try:
        for each in (consumer._client, producer.client, client, admin._client):  # noqa: SLF001  what aiokafka reads
            assert each._sasl_plain_password == "second"  # noqa: S105, SLF001  of nobody
    finally:
        await consumer.stop()
        await producer.stop()


def shown_to(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[int, int]:
    """Connect two contexts in memory; return the serial numbers that the client and the server see."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[int] = set()
    for _ in range(6):
        for number, side in enumerate((ours, theirs)):
            try:
                side.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                pass
    assert done == {0, 1}
    [seen, told] = [side.getpeercert() or {} for side in (ours, theirs)]
    return int(str(seen.get("serialNumber", "0")), 16), int(str(told.get("serialNumber", "0")), 16)


def test_a_connection_has_the_certificates_of_that_moment(authority: Authority) -> None:
    ours, theirs = authority.issue("worker"), authority.issue("broker")
    client = client_context(authority.certificate, ours)
    server = server_context(theirs, None)
    before, _ = shown_to(server, client)
    assert shown_to(server, client)[0] == before
    theirs.unlink()
    authority.issue("broker")
    after, _ = shown_to(server, client)
    assert after != before


def test_a_clients_certificate_is_replaced(authority: Authority) -> None:
    file = authority.issue("worker")
    client = client_context(authority.certificate, file)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    server.load_cert_chain(authority.issue("broker"))
    server.verify_mode = ssl.CERT_REQUIRED
    _, before = shown_to(server, client)
    file.write_text("half of it")
    assert shown_to(server, client)[1] == before, "what cannot be used replaces nothing"
    file.unlink()
    authority.issue("worker")
    assert shown_to(server, client)[1] not in {0, before}


def test_an_authority_that_is_replaced_is_trusted_no_more(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority.certificate.read_bytes())
    client = client_context(trusted)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(authority.issue("broker"))
    shown_to(server, client)
    trusted.write_bytes(other.certificate.read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError):
        shown_to(server, client)


def test_files_that_cannot_be_used_at_first_are_an_error(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    with pytest.raises(CertificateError, match="cannot be read"):
        client_context(nothing)
    nothing.write_text("nothing")
    with pytest.raises(CertificateError, match="has no certificate in PEM"):
        server_context(nothing, None)
