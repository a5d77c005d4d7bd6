"""The actions of the command ``audit``."""

import argparse
import asyncio
import json
import os
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.audit import AuditEntry
from schemas.topics import AUDIT
from scripts.audit_trail.reading import AuditReader
from scripts.audit_trail.receipts import finality, made_receipt, write_receipt
from scripts.cli import Cluster, CommandError, cluster_of, counted, fail, say
from scripts.commands._json import write_json
from scripts.commands._letters import printable
from streams.compliance.audit_log import AuditLog
from streams.compliance.audit_verification import AuditVerification
from streams.compliance.receipt import Receipt, check_receipt
from streams.compliance.signed_head import (
    SignedHead,
    parse_heads,
    read_public_key,
    read_signing_key,
    sign_head,
)

T = TypeVar("T")
_NAME = "audit"
_MOST_OBJECTS = 4  # of an entry, in a line


async def verify(options: argparse.Namespace) -> int:
    """Verify the audit; returns the exit code."""
    cluster = cluster_of(options)
    key = _from_file(read_public_key, options.public_key)
    kept = [] if options.heads is None else _from_file(_heads, options.heads)
    verification = AuditVerification(cluster.topic(AUDIT), key)
    async with AuditReader(cluster, verification.read) as reader:
        await reader.read()
    verification.check_heads(kept)
    for problem in verification.problems:
        fail(_NAME, problem)
    read = f"{counted(len(verification.tree), 'record')}, {reader.rate:,.0f} verified in a second"
    print(f"{read}; the first {verification.signed} are signed")
    if verification.problems:
        return 1
    if not verification.signed:
        raise CommandError("no signed head confirms any of it: a changed or cut audit would look the same")
    return 0


async def show(options: argparse.Namespace) -> int:
    """Show the last entries; returns the exit code."""
    cluster, found = cluster_of(options), deque[AuditEntry](maxlen=options.last)

    def look(value: bytes | None) -> None:
        try:
            entry = AuditEntry.from_fields(json.loads(value or b""))
        except (ValueError, TypeError, RecursionError):
            return  # a head, or what verify tells of
        if options.what in (None, entry.action) and (options.object is None or options.object in entry.objects):
            found.append(entry)

    async with AuditReader(cluster, look) as reader:
        await reader.read()
    if options.json is not None:
        write_json(options.json, [json.loads(one.to_record().value or b"") for one in found])
    if options.json != "-":
        for one in found:
            print(_line(one))
    return 0


async def sign(options: argparse.Namespace) -> int:
    """Verify the audit and sign its head, once or again and again; returns the exit code."""
    cluster = cluster_of(options)
    key = _from_file(read_signing_key, options.key)
    kept = _from_file(_heads, options.heads) if options.heads.exists() else []
    verification = AuditVerification(cluster.topic(AUDIT), key.public_key())
    own_heads = 0
    async with AuditReader(cluster, verification.read) as reader, AuditLog(cluster.connection, verification.log) as log:
        while True:
            await reader.read()
            verification.check_heads(kept)
            if verification.problems:
                raise CommandError(f"the audit is not signed: {verification.problems[0]}; verify says more")
            kept = []
            if len(verification.tree) > own_heads:
                head = _signed(key, cluster, verification, options.heads)
                await log.write([head.to_record()])
                own_heads = head.size + 1  # the head itself is nothing new
            if options.every is None:
                return 0
            await asyncio.sleep(options.every)


async def check(options: argparse.Namespace) -> int:
    """Check a receipt; returns the exit code."""
    key = _from_file(read_public_key, options.public_key)
    receipt = _from_file(lambda path: Receipt.from_json(path.read_bytes()), options.receipt)
    found = check_receipt(receipt, key)
    if isinstance(found, str):
        raise CommandError(f"{options.receipt} proves nothing: {found}")
    print(_line(found))
    head = receipt.head
    print(f"entry {receipt.proof.index} of {head.size} in {head.log}, signed at {head.time}")
    if found.action == "erasure":
        print(finality(receipt))
    return 0


async def receipt(options: argparse.Namespace) -> int:
    """Write the receipt of a request's entry; returns the exit code."""
    made = await made_receipt(cluster_of(options), options.request, options.object)
    write_receipt(options.file, made)
    return 0


ACTIONS: Mapping[str, Callable[[argparse.Namespace], Coroutine[Any, Any, int]]] = {
    "verify": verify,
    "show": show,
    "sign": sign,
    "check-receipt": check,
    "receipt": receipt,
}


def _signed(key: Ed25519PrivateKey, cluster: Cluster, verification: AuditVerification, path: Path) -> SignedHead:
    """Sign a head, and keep it in the file before anything else."""
    size, time = len(verification.tree), datetime.now(UTC).isoformat(timespec="milliseconds")
    head = sign_head(key, cluster.topic(AUDIT), size, verification.tree.root(), time)
    line = json.dumps(head.fields())
    try:
        with path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    print(line, flush=True)
    say(_NAME, f"signed {counted(size, 'record')}")
    return head


def _heads(path: Path) -> list[SignedHead]:
    return parse_heads(path.read_text())


def _from_file(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error


def _line(entry: AuditEntry) -> str:
    more = len(entry.objects) - _MOST_OBJECTS
    objects = [*entry.objects[:_MOST_OBJECTS], *([f"and {more} more"] if more > 0 else [])]
    who = entry.user or "somebody unknown"
    parts = (entry.time, entry.action, entry.outcome, entry.reason, f"by {who} ({entry.method})", f"on {entry.host}")
    return printable("  ".join([*filter(None, parts), ", ".join(objects)]))
