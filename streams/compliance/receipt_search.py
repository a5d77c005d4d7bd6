"""Finds what a receipt is made of: an entry of the audit, a signed head that covers it, and what made it final."""

import json
from dataclasses import dataclass, field

from schemas.audit import HEAD, AuditEntry
from streams.compliance.merkle_tree import MerkleTree, leaf_hash
from streams.compliance.receipt import Receipt, make_receipt, makes_final
from streams.compliance.signed_head import SignedHead


@dataclass(slots=True)
class ReceiptSearch:
    """Takes all records of the audit in their order.

    Attributes:
        request: The request whose entry it is.
        about: An object that the entry has to be about, such as ``call:1769851800.4711``; None for any.
        entries: What was found: number, value and content of each.
    """

    request: str
    about: str | None = None
    entries: list[tuple[int, bytes, AuditEntry]] = field(default_factory=list)
    _tree: MerkleTree = field(default_factory=MerkleTree)
    _turns: list[tuple[int, bytes, AuditEntry]] = field(default_factory=list)
    _heads: list[SignedHead] = field(default_factory=list)

    def take(self, value: bytes | None) -> None:
        """Take the value of the next record."""
        value = value or b""
        index = len(self._tree)
        self._tree.append(leaf_hash(value))
        try:
            fields = json.loads(value)
            if fields["event.action"] == HEAD:
                self._heads.append(SignedHead.from_fields(fields))
                return
            entry = AuditEntry.from_fields(fields)
        except (ValueError, KeyError, TypeError, RecursionError):
            return  # what verify tells of
        if entry.action == "key-turn":
            self._turns.append((index, value, entry))
        elif entry.request == self.request and self.about in (None, *entry.objects):
            self.entries.append((index, value, entry))

    def receipt(self) -> Receipt | None:
        """The receipt of the one entry, by the last head that is of this log; None if no head covers the entry."""
        ((index, value, entry),) = self.entries
        for head in reversed(self._heads):
            if index < head.size <= len(self._tree) and self._tree.root(head.size).hex() == head.root:
                finals = ((at, turn) for at, turn, told in self._turns if at < head.size and makes_final(told, entry))
                return make_receipt(self._tree, index, value, head, next(finals, None))
        return None
