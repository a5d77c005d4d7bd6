"""Changes hotels' policies over HTTP, in the way of the command: numbered, audited, and never crossing each other."""

import asyncio
import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace

from aiokafka.errors import KafkaError

from schemas import Policy, PolicyEvent, Position
from schemas.topics import AUDIT, POLICY
from streams.compliance.audit_chain import Actor, AuditChain
from streams.kafka.connection import KafkaConnection
from streams.policies.topic import PolicyReplacedError, PolicyWriter, exclusively, read_history
from streams.runtime.policies import PolicyReader
from streams.telemetry.product_version import version_of

_TIMEOUT = 30.0  # seconds for a change
_TAG_DIGITS = 32

#: Whether a policy, which is there or not, is the one that a change is meant for.
Condition = Callable[[Policy | None], bool]


class OtherPolicyError(Exception):
    """The policy in force is not the one that the change is meant for."""


class PolicyChanges:
    """Changes policies.

    Args:
        connection: The cluster.
        names: Returns the full name of a topic, by its logical name.
        reader: Reads the policies in force into this process.
    """

    def __init__(self, connection: KafkaConnection, names: Callable[[str], str], reader: PolicyReader) -> None:
        self._connection = connection
        self._topic = names(POLICY)
        self._audit = names(AUDIT)
        self._reader = reader

    async def put(self, hotel: str, policy: Policy, actor: Actor, condition: Condition) -> tuple[Policy, Policy | None]:
        """Set a hotel's policy; one that says what is in force already is not written again.

        Args:
            hotel: The hotel.
            policy: The policy; its version is replaced by the next one.
            actor: Who, for the audit.
            condition: On the policy in force.

        Returns:
            The policy in force now, and the one before.

        Raises:
            OtherPolicyError: If the condition does not hold.
            PolicyReplacedError: If somebody else changes it at the same moment.
            KafkaError: If the brokers do not answer, or refuse.
        """
        async with asyncio.timeout(_TIMEOUT), exclusively(self._connection, self._topic, hotel) as writer:
            history = await read_history(self._connection, self._topic)
            before = history.policy(hotel)
            if not condition(before):
                raise OtherPolicyError
            if before is not None and replace(policy, version=before.version) == before:
                return before, before
            numbered = replace(policy, version=history.next_version(hotel))
            await self._write(writer, PolicyEvent(hotel, numbered), "policy-set", actor)
            return numbered, before

    async def delete(self, hotel: str, actor: Actor, condition: Condition) -> bool:
        """Remove a hotel's policy; whether there was one. As `put`."""
        async with asyncio.timeout(_TIMEOUT), exclusively(self._connection, self._topic, hotel) as writer:
            before = (await read_history(self._connection, self._topic)).policy(hotel)
            if not condition(before):
                raise OtherPolicyError
            if before is None:
                return False
            await self._write(writer, PolicyEvent(hotel, None), "policy-remove", actor)
            return True

    async def _write(self, writer: PolicyWriter, event: PolicyEvent, action: str, actor: Actor) -> None:
        chain = AuditChain(socket.gethostname(), version_of())
        records = chain.records(actor, action, [f"hotel:{event.hotel_id}"], request=secrets.token_hex(8))
        position = await writer.write(event, [(self._audit, record) for record in records])
        await self._require_in_force(event, position)
        with contextlib.suppress(KafkaError):  # it is in force all the same, and here as soon as it can be read
            await self._reader.reach_end()

    async def _require_in_force(self, event: PolicyEvent, position: Position) -> None:
        """Look whether a program that writes to the topic by itself was faster."""
        history = await read_history(self._connection, self._topic, past=position)
        now = history.in_force(event.hotel_id)
        if now is not None and now.position != position:
            raise PolicyReplacedError("somebody else has changed it at the same moment; see what came of it")


def tag_of(policy: Policy) -> str:
    """The entity tag of a policy, without quotes: a digest of what it says, with its version."""
    text = json.dumps(policy.properties(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_TAG_DIGITS]
