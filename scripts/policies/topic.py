"""The topic ``audio.policy`` for commands: checked first, with errors in a command's words and entries of the audit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas import PolicyEvent, Position
from schemas.topics import AUDIT, POLICY
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError
from streams.policies import topic
from streams.policies.history import History


async def read_policies(cluster: Cluster, *, past: Position | None = None) -> History:
    """Read the whole topic.

    Args:
        cluster: The cluster to read from.
        past: A committed record that is read as well.

    Raises:
        CommandError: If no broker answers.
        TopicError: If there is no such topic.
    """
    await cluster.check([POLICY])
    return await topic.read_history(cluster.connection, cluster.topic(POLICY), past=past)


class PolicyWriter:
    """Writes one hotel's policy, and in the same transaction an entry of the audit; made by `exclusively`."""

    def __init__(self, writer: topic.PolicyWriter, audit: Audit) -> None:
        self._writer = writer
        self._audit = audit

    async def write(self, event: PolicyEvent) -> Position:
        """Write one event.

        Raises:
            CommandError: If somebody else has begun to change the hotel's policy; nothing was written then.
        """
        action = "policy-remove" if event.policy is None else "policy-set"
        records = self._audit.records(action, [f"hotel:{event.hotel_id}"])
        try:
            return await self._writer.write(event, [(self._audit.topic, record) for record in records])
        except topic.PolicyReplacedError as error:
            raise CommandError(str(error)) from error


@asynccontextmanager
async def exclusively(cluster: Cluster, hotel_id: str) -> AsyncIterator[PolicyWriter]:
    """Begin to change a hotel's policy; as `streams.policies.topic.exclusively`.

    Raises:
        CommandError: If no broker answers.
        TopicError: If there is no such topic.
    """
    await cluster.check([POLICY, AUDIT])
    async with topic.exclusively(cluster.connection, cluster.topic(POLICY), hotel_id) as writer:
        yield PolicyWriter(writer, Audit(cluster))
