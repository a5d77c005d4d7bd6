"""Erasing in bulk needs two people: one who asks for it, and another who approves exactly that."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from streams.security.principal import Principal
from streams.security.roles import Permission

#: How long a request can be approved.
LIFETIME = timedelta(hours=24)

Denial = Literal["not_allowed", "same_person", "expired", "other_scope"]


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What somebody wants to be done to many calls.

    Attributes:
        id: Its name, for who approves it; random.
        hotel: Whose calls they are.
        scope: Exactly what is to be done, as a digest in hexadecimal digits: approval is for that alone.
        holder: Who asks.
        expires: From when on it cannot be approved.
    """

    id: str
    hotel: str
    scope: str
    holder: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A request that two people want.

    Attributes:
        request: The request.
        holder: Who approved it.
        at: When.
    """

    request: BulkRequest
    holder: str
    at: datetime


def ask(principal: Principal, hotel: str, scope: str, now: datetime) -> BulkRequest | Denial:
    """Ask for something that needs a second person."""
    if not principal.may(Permission.ERASURE, hotel):
        return "not_allowed"
    return BulkRequest(secrets.token_hex(8), hotel, scope, principal.holder, now + LIFETIME)


def approve(request: BulkRequest, principal: Principal, scope: str, now: datetime) -> Approval | Denial:
    """Approve a request of somebody else.

    Args:
        request: The request.
        principal: Who approves. Two credentials of one holder are one person.
        scope: What would be done now; it has to be what was asked for.
        now: The time.
    """
    if not principal.may(Permission.ERASURE, request.hotel):
        return "not_allowed"
    if principal.holder == request.holder:
        return "same_person"
    if now >= request.expires:
        return "expired"
    if scope != request.scope:
        return "other_scope"
    return Approval(request, principal.holder, now)
