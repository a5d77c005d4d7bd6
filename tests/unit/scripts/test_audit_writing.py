from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from scripts.audit_trail.writing import actor_of, ids_of
from scripts.cli import Cluster
from streams.compliance.audit_chain import Actor
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import ConnectionSecurity, Login
from tests.support.certificate import write_certificate


def cluster(login: Login | None = None, certificate: Path | None = None) -> Cluster:
    return Cluster(KafkaConnection("127.0.0.1:1", ConnectionSecurity(login=login)), "", "g", certificate)


def test_a_command_is_its_account() -> None:
    assert actor_of(cluster(Login("operator", "p"))) == Actor("operator", ("operator",), "SCRAM-SHA-512")
    assert actor_of(cluster(Login("lisbon-desk", "p", "PLAIN"))) == Actor("lisbon-desk", (), "PLAIN")
    assert actor_of(cluster()) == Actor("", (), "none")


def test_without_a_password_a_command_is_its_certificate(tmp_path: Path) -> None:
    write_certificate(tmp_path / "cert", tmp_path / "key")
    pem = (tmp_path / "cert").read_bytes()
    fingerprint = x509.load_pem_x509_certificate(pem).fingerprint(SHA256()).hex()
    (tmp_path / "both").write_bytes((tmp_path / "key").read_bytes() + pem + pem)
    for name in ("cert", "both"):
        assert actor_of(cluster(certificate=tmp_path / name)) == Actor(f"certificate:{fingerprint[:32]}", (), "TLS")


def test_calls_are_told_with_their_hotels_each_once() -> None:
    assert ids_of([("h1", "a"), ("h2", "b"), ("h1", "c"), ("h1", "a")]) == [
        "hotel:h1", "hotel:h2", "call:a", "call:b", "call:c",
    ]  # fmt: skip
