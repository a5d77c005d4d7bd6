"""Receipts: an entry of the audit with the proof that it is in a signed log, for who has nothing but a public key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas.audit import AuditEntry
from streams.compliance.merkle_tree import MerkleTree, leaf_hash, root_of_path
from streams.compliance.signed_head import SignedHead

_FORMAT = "hotel-audio-receipt-1"
_EPOCH = "epoch:"


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry, and that it is in a log.

    Attributes:
        entry: The entry, exactly as it is in the log.
        index: Its number there, from 0.
        path: From the entry to the head's root (RFC 6962, section 2.1.1).
    """

    entry: bytes
    index: int
    path: Sequence[bytes]

    def fields(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"entry": self.entry.decode(), "index": self.index, "path": [one.hex() for one in self.path]}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Proof":
        """A proof from its JSON object; KeyError, TypeError or ValueError if it is none."""
        if type(fields["index"]) is not int:
            raise ValueError("its index is no number")
        return cls(fields["entry"].encode(), fields["index"], [bytes.fromhex(one) for one in fields["path"]])


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt.

    Attributes:
        proof: The entry.
        head: The signed head of a log that has the entry.
        turn: Of an erasure that is final: the entry about the turn of the keys that made it so; in the same log.
    """

    proof: Proof
    head: SignedHead
    turn: Proof | None = None

    def to_json(self) -> str:
        """The content of the receipt's file."""
        fields = {"format": _FORMAT, **self.proof.fields(), "head": self.head.fields()}
        if self.turn is not None:
            fields["turn"] = self.turn.fields()
        return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, content: str | bytes) -> "Receipt":
        """A receipt from the content of its file.

        Raises:
            ValueError: If it is none.
        """
        try:
            fields: dict[str, Any] = json.loads(content)
            if fields["format"] != _FORMAT:
                raise ValueError(f"is no receipt of the format {_FORMAT}")
            turn = Proof.from_fields(fields["turn"]) if "turn" in fields else None
            return cls(Proof.from_fields(fields), SignedHead.from_fields(fields["head"]), turn)
        except (AttributeError, KeyError, RecursionError, TypeError, UnicodeError) as error:
            raise ValueError(f"is no receipt ({error!r})") from None


def make_receipt(
    tree: MerkleTree, index: int, entry: bytes, head: SignedHead, turn: tuple[int, bytes] | None = None
) -> Receipt:
    """A receipt for an entry.

    Args:
        tree: The tree of the log, at least as far as the head.
        index: The entry's number.
        entry: Its value.
        head: A head that covers it.
        turn: Number and value of the entry about the turn that made an erasure final, which the head covers as well.

    Raises:
        ValueError: If the head does not cover it.
    """

    def proof(number: int, value: bytes) -> Proof:
        return Proof(value, number, tree.path(number, head.size))

    return Receipt(proof(index, entry), head, None if turn is None else proof(*turn))


def check_receipt(receipt: Receipt, key: Ed25519PublicKey) -> AuditEntry | str:
    """The entry, if it is proven to be in a log that the key's holder has signed; otherwise what is wrong.

    If the receipt has a turn, that is proven as well, and that it has made the erasure final.
    """
    if not receipt.head.is_signed_by(key):
        return "its head is not signed by this key"
    found = _proven(receipt.proof, receipt.head)
    if isinstance(found, str) or receipt.turn is None:
        return found
    turn = _proven(receipt.turn, receipt.head)
    if isinstance(turn, str):
        return f"of its turn: {turn}"
    return found if makes_final(turn, found) else "its turn does not make the erasure final"


def epoch_object(epoch: int) -> str:
    """An epoch among the objects of an entry: the last one of erased keys, or the one that a turn has left."""
    return f"{_EPOCH}{epoch}"


def makes_final(turn: AuditEntry, erasure: AuditEntry) -> bool:
    """Whether a turn has destroyed all that could open what was erased: it left a later epoch alone."""
    if (turn.action, turn.outcome, erasure.action) != ("key-turn", "success", "erasure"):
        return False
    left, erased = _epoch_of(turn), _epoch_of(erasure)
    return left is not None and erased is not None and left > erased


def _epoch_of(entry: AuditEntry) -> int | None:
    numbers = [one.removeprefix(_EPOCH) for one in entry.objects if one.startswith(_EPOCH)]
    return max((int(one) for one in numbers if one.isdecimal()), default=None)


def _proven(proof: Proof, head: SignedHead) -> AuditEntry | str:
    root = root_of_path(leaf_hash(proof.entry), proof.index, head.size, proof.path)
    if root is None or root.hex() != head.root:
        return "its entry is not in the log that was signed"
    try:
        return AuditEntry.from_fields(json.loads(proof.entry))
    except ValueError as error:
        return f"what is in the log {error}"
