"""The roles of people, and what each may do. `docs/SECURITY.md` explains them; a test compares the two.

An account at the brokers is another matter: its rights are in ``schemas/access.yaml``.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """Something that a person may be allowed to do."""

    STATUS = "status"
    CALLS = "calls"
    SEND = "send"
    AUDIO = "audio"
    DEAD_LETTERS = "dead-letters"
    REPLAY = "replay"
    POLICIES = "policies"
    ERASURE = "erasure"
    AUDIT = "audit"
    ACCESS = "access"


#: What each permission allows.
MEANINGS: Mapping[Permission, str] = MappingProxyType(
    {
        Permission.STATUS: "see how the installation works: settings, lag, recent errors",
        Permission.CALLS: "see calls and their segments: ids, times, sizes; hear nothing",
        Permission.SEND: "send recordings to be compressed",
        Permission.AUDIO: "hear and export calls",
        Permission.DEAD_LETTERS: "see refused inputs and why they were refused; hear nothing",
        Permission.REPLAY: "send refused inputs again",
        Permission.POLICIES: "change and remove hotels' policies",
        Permission.ERASURE: "erase calls, and approve what another person wants to erase",
        Permission.AUDIT: "read the audit",
        Permission.ACCESS: "give and take access",
    }
)


class Role(StrEnum):
    """What a person is to the installation. Each person has one."""

    VIEWER = "viewer"
    LISTENER = "listener"
    SENDER = "sender"
    OPERATOR = "operator"
    ERASER = "eraser"
    ADMIN = "admin"


_VIEWER = frozenset({Permission.STATUS, Permission.CALLS})

#: What each role may do. Nobody who can erase a call can hear it or choose who has access, and the other way round.
ROLES: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.LISTENER: _VIEWER | {Permission.AUDIO},
        Role.SENDER: _VIEWER | {Permission.SEND, Permission.AUDIO},
        Role.OPERATOR: _VIEWER | {Permission.DEAD_LETTERS, Permission.REPLAY, Permission.POLICIES},
        Role.ERASER: _VIEWER | {Permission.ERASURE},
        Role.ADMIN: _VIEWER | {Permission.AUDIT, Permission.ACCESS},
    }
)
