"""Certificates for loopback: right ones, and such as nobody should accept."""

import datetime as dt
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

HOSTS = ("localhost", "127.0.0.1")
_VALID = dt.timedelta(days=1)


def write_certificate(certificate: Path, key: Path, valid: dt.timedelta = _VALID) -> None:
    """Write a new key, and a certificate for ``localhost`` and 127.0.0.1 with that of its own authority, as PEM files.

    The authority is unknown to everybody else; who trusts the file of the certificate trusts it.
    """
    authority = trustme.CA()
    issued = authority.issue_cert(*HOSTS, not_after=dt.datetime.now(dt.UTC) + valid)
    certificate.write_bytes(issued.cert_chain_pems[0].bytes() + authority.cert_pem.bytes())
    key.write_bytes(issued.private_key_pem.bytes())


def write_kafka_certificate(
    file: Path, authority: trustme.CA, *hosts: str, name: str = "broker", valid: dt.timedelta = _VALID
) -> Path:
    """Write a key and a certificate for these hosts into one file, as Kafka wants it; return the file.

    Args:
        file: It is made.
        authority: Issues it.
        hosts: Names and addresses.
        name: The common name, which names a client.
        valid: From now on; negative if it has expired.
    """
    issued = authority.issue_cert(*hosts, common_name=name, not_after=dt.datetime.now(dt.UTC) + valid)
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(pkcs8 + issued.cert_chain_pems[0].bytes() + authority.cert_pem.bytes())
    return file
