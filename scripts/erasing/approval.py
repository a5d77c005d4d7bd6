"""Requests for erasing many calls, which a second person approves: a file that goes from one to the other."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.audit_trail.writing import actor_of
from scripts.cli import Cluster, CommandError
from streams.compliance.erasure_scope import Scope
from streams.security.principal import Principal
from streams.security.roles import Role
from streams.security.two_person import BulkRequest, Denial, approve, ask

_DENIALS: dict[Denial, str] = {
    "not_allowed": "this account may not erase",
    "same_person": "who has asked for it cannot approve it: let somebody else do that, with another account",
    "expired": "it was not approved in time; ask for it again",
    "other_scope": "it was changed after it was made",
}


def needs_two(scope: Scope) -> bool:
    """Whether a scope is of more than one call, other than those of one guest."""
    return scope.before_ms is not None or len(scope.calls) > 1


def write_request(path: Path, cluster: Cluster, scope: Scope) -> BulkRequest:
    """Ask for an erasure: write the file that somebody else approves.

    Raises:
        CommandError: If the account may not ask, or the file cannot be written.
    """
    request = ask(_person(cluster), scope.hotel, _digest(scope), datetime.now(UTC))
    if not isinstance(request, BulkRequest):
        raise CommandError(_DENIALS[request])
    fields = {
        "id": request.id,
        "asked for by": request.holder,
        "expires": request.expires.isoformat(),
        "scope": request.scope,
        **_fields(scope),
    }
    try:
        path.write_text(json.dumps(fields, indent=2) + "\n")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    return request


def approved(path: Path, cluster: Cluster) -> tuple[Scope, str]:
    """Approve what the file asks for; returns it, and who wants it in words for the audit.

    Raises:
        CommandError: If this account may not approve it, or the file is no request.
    """
    scope, request = _read(path)
    approval = approve(request, _person(cluster), _digest(scope), datetime.now(UTC))
    if isinstance(approval, str):
        raise CommandError(f"{path}: {_DENIALS[approval]}")
    return scope, f"asked for by {request.holder} ({request.id}), approved by {approval.holder}"


def _person(cluster: Cluster) -> Principal:
    user = actor_of(cluster).user
    if not user:
        raise CommandError(
            "erasing many calls needs two people, and these brokers do not tell one from another: they have no accounts"
        )
    # What the account may do at the brokers decides; in this command everybody is an eraser.
    return Principal(user, user, "kafka", Role.ERASER, None)


def _read(path: Path) -> tuple[Scope, BulkRequest]:
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        scope = Scope(fields["hotel"], frozenset(fields["calls"]), before_ms=fields["before"])
        expires = datetime.fromisoformat(fields["expires"]).astimezone(UTC)
        return scope, BulkRequest(fields["id"], scope.hotel, fields["scope"], fields["asked for by"], expires)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CommandError(f"{path} is no request for an erasure ({error!r})") from None


def _fields(scope: Scope) -> dict[str, Any]:
    return {"hotel": scope.hotel, "calls": sorted(scope.calls), "before": scope.before_ms}


def _digest(scope: Scope) -> str:
    return hashlib.sha256(json.dumps(_fields(scope), sort_keys=True).encode()).hexdigest()
