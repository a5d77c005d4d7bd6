"""An audit as processes write it: chains that are mixed, and signed heads between."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.compliance.audit_chain import Actor, AuditChain
from streams.compliance.merkle_tree import MerkleTree, leaf_hash
from streams.compliance.signed_head import SignedHead, sign_head

LOG = "audio.audit"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TIME = datetime(2026, 12, 1, tzinfo=UTC)
OPERATOR = Actor("operator", ("operator",), "SCRAM-SHA-512")


def tree_of(values: Sequence[bytes]) -> MerkleTree:
    tree = MerkleTree()
    for value in values:
        tree.append(leaf_hash(value))
    return tree


def head_of(values: Sequence[bytes], key: Ed25519PrivateKey = KEY) -> SignedHead:
    return sign_head(key, LOG, len(values), tree_of(values).root(), TIME.isoformat())


def entries(count: int, *, chains: int = 3, head_each: int | None = 7, seed: int = 1) -> list[bytes]:
    """Values of records of several processes, in a random order of theirs, with a head after each so many."""
    chance = random.Random(seed)
    writers = [AuditChain(f"host-{number}", "1.0", lambda: TIME) for number in range(chains)]
    values: list[bytes] = []
    while len(values) < count:
        writer, call = chance.choice(writers), f"call:{chance.randrange(10**9)}"
        (record,) = writer.records(OPERATOR, "listen", [call], outcome="unknown", request="r-1")
        values.append(record.value or b"")
        if head_each is not None and len(values) % head_each == 0:
            values.append(head_of(values).to_record().value or b"")
    return values[:count]
