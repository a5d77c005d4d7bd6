"""Makes receipts from the audit: of an entry, a signed head that covers it, and the turn that made an erasure final."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from schemas.audit import HEAD, AuditEntry
from scripts.audit_trail.reading import AuditReader
from scripts.cli import Cluster, CommandError, say
from streams.compliance.merkle_tree import MerkleTree, leaf_hash
from streams.compliance.receipt import Receipt, make_receipt, makes_final
from streams.compliance.signed_head import SignedHead

_PAUSE = 0.5  # seconds between two looks for a head


@dataclass(slots=True)
class _Log:
    """What is needed of the audit for the receipt of one entry."""

    request: str
    about: str | None
    tree: MerkleTree = field(default_factory=MerkleTree)
    entries: list[tuple[int, bytes, AuditEntry]] = field(default_factory=list)
    turns: list[tuple[int, bytes, AuditEntry]] = field(default_factory=list)
    heads: list[SignedHead] = field(default_factory=list)

    def read(self, value: bytes | None) -> None:
        value = value or b""
        index = len(self.tree)
        self.tree.append(leaf_hash(value))
        try:
            fields = json.loads(value)
            if fields["event.action"] == HEAD:
                self.heads.append(SignedHead.from_fields(fields))
                return
            entry = AuditEntry.from_fields(fields)
        except (ValueError, KeyError, TypeError, RecursionError):
            return  # what verify tells of
        if entry.action == "key-turn":
            self.turns.append((index, value, entry))
        elif entry.request == self.request and self.about in (None, *entry.objects):
            self.entries.append((index, value, entry))

    def receipt(self) -> Receipt | None:
        """The receipt by the last head that is of this log; None without a head that covers the entry."""
        if len(self.entries) != 1:
            found = f"{len(self.entries)} entries" if self.entries else "no entry"
            raise CommandError(f"the audit has {found} of the request {self.request}; --object chooses one of several")
        ((index, value, entry),) = self.entries
        for head in reversed(self.heads):
            if index < head.size <= len(self.tree) and self.tree.root(head.size).hex() == head.root:
                finals = ((at, turn) for at, turn, told in self.turns if at < head.size and makes_final(told, entry))
                return make_receipt(self.tree, index, value, head, next(finals, None))
        return None


async def made_receipt(cluster: Cluster, request: str, about: str | None = None, wait: float = 0.0) -> Receipt:
    """The receipt of a request's entry.

    Args:
        cluster: Where the audit is.
        request: The request.
        about: An object that the entry has to be about, such as ``call:1769851800.4711``; None for any.
        wait: Seconds to wait for a signed head.

    Raises:
        CommandError: If there is no such entry, or several, or no head that covers it.
    """
    log, until = _Log(request, about), time.monotonic() + wait
    async with AuditReader(cluster, log.read) as reader:
        while True:
            await reader.read()
            made = log.receipt() if log.entries or time.monotonic() >= until else None
            if made is not None:
                return made
            if time.monotonic() >= until:
                raise CommandError(
                    "no signed head covers the entry yet: ./scripts/audit sign makes one, then "
                    f"./scripts/audit receipt --request {request} FILE"
                )
            await asyncio.sleep(_PAUSE)


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write a receipt's file."""
    try:
        path.write_text(receipt.to_json())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    say("audit", f"{path} has the receipt")


def finality(receipt: Receipt) -> str:
    """Whether what was erased could still be opened with a backup of the keys, in a sentence."""
    if receipt.turn is None:
        return "the erasure is logical: it is final with the next turn of the keys"
    return f"the erasure is final: the turn of the keys in entry {receipt.turn.index} has made it so"
