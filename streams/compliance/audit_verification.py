"""Finds what was done to the audit: entries changed, dropped, added between, reordered, or cut from its end."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas.audit import HEAD, AuditEntry
from streams.compliance.merkle_tree import MerkleTree, leaf_hash
from streams.compliance.signed_head import SignedHead


@dataclass(slots=True)
class AuditVerification:
    """Reads the topic's records in their order, and compares them with each other and with signed heads.

    Attributes:
        log: Full name of the topic.
        key: Checks the heads' signatures.
        tree: The Merkle tree of what was read.
        signed: Entries that a valid head covers.
        problems: What is wrong, one line each.
    """

    log: str
    key: Ed25519PublicKey
    tree: MerkleTree = field(default_factory=MerkleTree)
    signed: int = 0
    problems: list[str] = field(default_factory=list)
    _chains: dict[str, tuple[int, str]] = field(default_factory=dict)

    def read(self, value: bytes | None) -> None:
        """The next record's value."""
        index, leaf = len(self.tree), leaf_hash(value or b"")
        self.tree.append(leaf)
        try:
            fields = json.loads(value or b"")
            if fields["event.action"] != HEAD:
                entry = AuditEntry.from_fields(fields)
                self._check_bytes(index, entry, value)
                self._read_entry(index, entry, leaf)
            else:
                head = SignedHead.from_fields(fields)
                self._check_bytes(index, head, value)
                self.check_head(head, f"the head at {index}")
        except (ValueError, KeyError, TypeError, RecursionError):
            self.problems.append(f"record {index} is no entry")

    def check_heads(self, kept: Iterable[SignedHead]) -> None:
        """Compare with heads that were kept elsewhere, when everything was read."""
        for head in kept:
            self.check_head(head, f"the kept head of {head.size} entries")

    def check_head(self, head: SignedHead, name: str) -> None:
        """Compare with one head; its name begins the line of a problem."""
        if not head.is_signed_by(self.key):
            self.problems.append(f"{name} is not signed by this key")
        elif head.log != self.log:
            self.problems.append(f"{name} is of another log, {head.log}")
        elif head.size > len(self.tree):
            self.problems.append(f"{name} of {head.time} has {head.size} entries: {head.size - len(self.tree)} are cut")
        elif self.tree.root(head.size).hex() != head.root:
            self.problems.append(f"{name} of {head.time} differs: some of the first {head.size} entries were changed")
        else:
            self.signed = max(self.signed, head.size)

    def _check_bytes(self, index: int, read: AuditEntry | SignedHead, value: bytes | None) -> None:
        """What was read has to be all that the record says: no further field, none twice."""
        if read.to_record().value != value:
            self.problems.append(f"record {index} is no entry as it is written")

    def _read_entry(self, index: int, entry: AuditEntry, leaf: bytes) -> None:
        expected, previous = self._chains.get(entry.chain, (0, ""))
        if entry.sequence != expected or entry.previous != previous:
            self.problems.append(f"entry {index} does not follow the one before it in its chain")
        self._chains[entry.chain] = entry.sequence + 1, leaf.hex()
