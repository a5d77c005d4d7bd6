"""Makes receipts from the audit: of an entry, a signed head that covers it, and the turn that made an erasure final."""

import asyncio
import time
from pathlib import Path

from scripts.audit_trail.reading import AuditReader
from scripts.cli import Cluster, CommandError, say
from streams.compliance.receipt import Receipt
from streams.compliance.receipt_search import ReceiptSearch

_PAUSE = 0.5  # seconds between two looks for a head


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
    search, until = ReceiptSearch(request, about), time.monotonic() + wait
    async with AuditReader(cluster, search.take) as reader:
        while True:
            await reader.read()
            made = _found(search) if search.entries or time.monotonic() >= until else None
            if made is not None:
                return made
            if time.monotonic() >= until:
                raise CommandError(
                    "no signed head covers the entry yet: ./scripts/audit sign makes one, then "
                    f"./scripts/audit receipt --request {request} FILE"
                )
            await asyncio.sleep(_PAUSE)


def _found(search: ReceiptSearch) -> Receipt | None:
    if len(search.entries) != 1:
        found = f"{len(search.entries)} entries" if search.entries else "no entry"
        raise CommandError(f"the audit has {found} of the request {search.request}; --object chooses one of several")
    return search.receipt()


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
