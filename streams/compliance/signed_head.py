"""A signed head: how many entries the audit had, and their digest. Whoever keeps one elsewhere sees a cut tail."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from schemas import Record
from schemas.audit import HEAD, to_bytes

_CONTEXT = b"hotel-audio audit head\n"  # so that no signature for something else counts for a head


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head.

    Attributes:
        log: Full name of the topic.
        size: Entries of the topic's partition, heads among them.
        root: Their Merkle tree's digest, in hexadecimal digits.
        time: When it was signed, as ISO 8601 in UTC.
        signature: By Ed25519, in hexadecimal digits.
    """

    log: str
    size: int
    root: str
    time: str
    signature: str

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the holder of the key has signed exactly this."""
        try:
            key.verify(bytes.fromhex(self.signature), _signed(self.log, self.size, self.root, self.time))
        except (InvalidSignature, ValueError):
            return False
        return True

    def fields(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "@timestamp": self.time,
            "audit.log": self.log,
            "audit.root": self.root,
            "audit.signature": self.signature,
            "audit.size": self.size,
            "event.action": HEAD,
        }

    def to_record(self) -> Record:
        """As a record of the topic."""
        return Record(HEAD.encode(), to_bytes(self.fields()))

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "SignedHead":
        """A head from its JSON object.

        Raises:
            ValueError: If a field is missing or no text, or the size no number.
        """
        try:
            head = cls(
                fields["audit.log"],
                fields["audit.size"],
                fields["audit.root"],
                fields["@timestamp"],
                fields["audit.signature"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"is no head of the audit: {error}") from None
        texts = (head.log, head.root, head.time, head.signature)
        if not all(isinstance(one, str) for one in texts) or type(head.size) is not int or head.size < 0:
            raise ValueError("is no head of the audit")
        return head


def sign_head(key: Ed25519PrivateKey, log: str, size: int, root: bytes, time: str) -> SignedHead:
    """Sign a head."""
    signature = key.sign(_signed(log, size, root.hex(), time))
    return SignedHead(log, size, root.hex(), time, signature.hex())


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no Ed25519 key in PEM.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{path} has no unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} has a key that is not Ed25519")  # noqa: TRY004  a wrong file, not a bug
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no Ed25519 key in PEM.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{path} has no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path} has a key that is not Ed25519")  # noqa: TRY004  a wrong file, not a bug
    return key


def parse_heads(content: str) -> list[SignedHead]:
    """Heads that are kept in a file, one JSON object a line.

    Raises:
        ValueError: With the line that is none.
    """
    heads = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            heads.append(SignedHead.from_fields(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"line {number} {error}") from None
    return heads


def _signed(log: str, size: int, root: str, time: str) -> bytes:
    return _CONTEXT + to_bytes({"log": log, "root": root, "size": size, "time": time})
