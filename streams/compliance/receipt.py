"""Receipts: an entry of the audit with the proof that it is in a signed log, for who has nothing but a public key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas.audit import AuditEntry
from streams.compliance.merkle_tree import MerkleTree, leaf_hash, root_of_path
from streams.compliance.signed_head import SignedHead

_FORMAT = "hotel-audio-receipt-1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt.

    Attributes:
        entry: The entry, exactly as it is in the log.
        index: Its number there, from 0.
        path: From the entry to the head's root (RFC 6962, section 2.1.1).
        head: The signed head of a log that has the entry.
    """

    entry: bytes
    index: int
    path: Sequence[bytes]
    head: SignedHead

    def to_json(self) -> str:
        """The content of the receipt's file."""
        fields = {
            "format": _FORMAT,
            "entry": self.entry.decode(),
            "index": self.index,
            "path": [one.hex() for one in self.path],
            "head": self.head.fields(),
        }
        return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, content: str | bytes) -> "Receipt":
        """A receipt from the content of its file.

        Raises:
            ValueError: If it is none.
        """
        try:
            fields: dict[str, Any] = json.loads(content)
            if fields["format"] != _FORMAT or type(fields["index"]) is not int:
                raise ValueError(f"is no receipt of the format {_FORMAT}")
            path = [bytes.fromhex(one) for one in fields["path"]]
            return cls(fields["entry"].encode(), fields["index"], path, SignedHead.from_fields(fields["head"]))
        except (AttributeError, KeyError, RecursionError, TypeError, UnicodeError) as error:
            raise ValueError(f"is no receipt ({error!r})") from None


def make_receipt(tree: MerkleTree, index: int, entry: bytes, head: SignedHead) -> Receipt:
    """A receipt for an entry.

    Args:
        tree: The tree of the log, at least as far as the head.
        index: The entry's number.
        entry: Its value.
        head: A head that covers it.

    Raises:
        ValueError: If the head does not cover it.
    """
    return Receipt(entry, index, tree.path(index, head.size), head)


def check_receipt(receipt: Receipt, key: Ed25519PublicKey) -> AuditEntry | str:
    """The entry, if it is proven to be in a log that the key's holder has signed; otherwise what is wrong."""
    if not receipt.head.is_signed_by(key):
        return "its head is not signed by this key"
    root = root_of_path(leaf_hash(receipt.entry), receipt.index, receipt.head.size, receipt.path)
    if root is None or root.hex() != receipt.head.root:
        return "its entry is not in the log that was signed"
    try:
        return AuditEntry.from_fields(json.loads(receipt.entry))
    except ValueError as error:
        return f"what is in the log {error}"
