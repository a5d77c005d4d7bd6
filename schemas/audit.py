"""The audit: what was done with something of a guest, by whom. Neither entries nor heads have personal data.

The fields are those of the Elastic Common Schema, with dots in their names, and of our own set ``audit``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.record import Record

#: What is done, as `event.action`.
ACTIONS = frozenset({
    "access-grant", "access-revoke", "calls-export", "dead-letters-save", "dead-letters-show", "erasure",
    "erasure-request", "key-turn", "listen", "login-refused", "policy-remove", "policy-set", "replay",
})  # fmt: skip
#: The action of a head, which says how the topic was at a moment.
HEAD = "audit-head"
OUTCOMES = frozenset({"success", "failure", "unknown"})
#: Bytes of the ids of one entry's objects; what acts on more has several entries.
MOST_OBJECT_BYTES = 32 * 2**10


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry.

    Attributes:
        time: When, as ISO 8601 in UTC.
        action: What: one of `ACTIONS`.
        objects: With what: ids with their kind, such as ``call:1769851800.4711`` and ``hotel:lisbon``.
        outcome: ``success`` or ``failure``; ``unknown`` if the entry is written before the act, as it is for reading.
        reason: Why it failed, or why it was done; may be empty.
        user: Who: the account at the brokers, or the holder of a credential. Empty where nobody is known.
        roles: The user's roles.
        method: How the user was known, such as ``SCRAM-SHA-512``.
        host: The machine.
        version: The product's version.
        request: The same for all entries of one request or command.
        chain: Whose entries follow one another: a random id of the process that writes.
        sequence: The number in the chain, from 0.
        previous: Digest of the entry before in the chain, in hexadecimal digits; empty for the first.
    """

    time: str
    action: str
    objects: tuple[str, ...]
    outcome: str
    reason: str
    user: str
    roles: tuple[str, ...]
    method: str
    host: str
    version: str
    request: str
    chain: str
    sequence: int
    previous: str

    def to_record(self) -> Record:
        """The record; its key is the chain."""
        return Record(self.chain.encode(), to_bytes(self._fields()))

    def _fields(self) -> dict[str, Any]:
        return {
            "@timestamp": self.time,
            "audit.chain": self.chain,
            "audit.method": self.method,
            "audit.objects": list(self.objects),
            "audit.previous": self.previous,
            "event.action": self.action,
            "event.outcome": self.outcome,
            "event.reason": self.reason,
            "event.sequence": self.sequence,
            "host.name": self.host,
            "service.version": self.version,
            "trace.id": self.request,
            "user.id": self.user,
            "user.roles": list(self.roles),
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "AuditEntry":
        """An entry from its JSON object.

        Raises:
            ValueError: If a field is missing or has a value that it cannot have.
        """
        try:
            entry = cls(
                time=fields["@timestamp"],
                action=fields["event.action"],
                objects=tuple(fields["audit.objects"]),
                outcome=fields["event.outcome"],
                reason=fields["event.reason"],
                user=fields["user.id"],
                roles=tuple(fields["user.roles"]),
                method=fields["audit.method"],
                host=fields["host.name"],
                version=fields["service.version"],
                request=fields["trace.id"],
                chain=fields["audit.chain"],
                sequence=fields["event.sequence"],
                previous=fields["audit.previous"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"is no entry of the audit: {error}") from None
        texts = (entry.time, entry.reason, entry.user, entry.method, entry.host, entry.version, entry.request)
        if not all(isinstance(one, str) for one in (*texts, *entry.objects, *entry.roles, entry.chain, entry.previous)):
            raise ValueError("is no entry of the audit: a field has to be text and is not")
        if entry.action not in ACTIONS or entry.outcome not in OUTCOMES or type(entry.sequence) is not int:
            raise ValueError("is no entry of the audit: unknown action, outcome or sequence")
        return entry


def to_bytes(fields: Mapping[str, Any]) -> bytes:
    """A JSON object as bytes; the same for the same object."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
