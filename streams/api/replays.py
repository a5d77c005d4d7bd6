"""Sends refused inputs again over HTTP: each once, by whichever process, command or console."""

import asyncio
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from schemas import DeadLetter, Record
from schemas.replay_mark import ReplayMark
from schemas.topics import AUDIT, DEAD_LETTER, INPUTS, REPLAYS, topic
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.errors import ReplayError
from streams.clients.letters import LetterPosition, LetterRecord, letter_ids, replay_obstacle
from streams.clients.replay import Replayer, read_marks
from streams.clients.replaying import replayed
from streams.compliance.audit_chain import Actor, AuditChain
from streams.kafka.connection import KafkaConnection
from streams.telemetry.product_version import version_of

_GONE = "it is past its retention"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a dead letter in a replay.

    Attributes:
        outcome: ``replayed``: its input is sent again now; ``before``: it was; ``blocked``: it cannot be;
            ``held``: there are more than are wanted now.
        reason: Why it is blocked.
    """

    outcome: Literal["replayed", "before", "blocked", "held"]
    reason: str | None = None


Fates = dict[LetterPosition, Fate]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be replayed, and how.

    Attributes:
        letters: Positions of dead letters in the order in which they are taken, and why one need not be sent.
        strict: Whether nothing is sent if one is blocked.
        dry_run: Whether nothing is sent at all.
        canary: The most inputs that are sent; None for all.
    """

    letters: Mapping[LetterPosition, str | None]
    strict: bool
    dry_run: bool = False
    canary: int | None = None


class InterruptedReplayError(Exception):
    """Not all inputs were sent again; the cause says why.

    Attributes:
        sent: Inputs that were.
    """

    def __init__(self, sent: int) -> None:
        super().__init__(f"{sent} inputs were sent again")
        self.sent = sent


class Replays:
    """Replays, one at a time in this process; what another one begins at the same moment ends this one.

    Args:
        connection: The cluster.
        names: Returns the full name of a topic, by its logical name.
    """

    def __init__(self, connection: KafkaConnection, names: Callable[[str], str]) -> None:
        self._connection = connection
        self._names = names
        self._marks = names(REPLAYS)
        self._lock = asyncio.Lock()

    async def run(self, wanted: Wanted, actor: Actor) -> Fates:
        """Replay.

        Args:
            wanted: Which dead letters.
            actor: Who, for the audit, whose entries are in the transactions of the inputs.

        Returns:
            What became of each. If any is blocked where that is not allowed, or in a dry run, nothing was sent.

        Raises:
            InterruptedReplayError: If some inputs were not sent, or nobody knows. Asking again sends none twice.
            HotelAudioError: If the brokers do not answer, or refuse; nothing was sent.
        """
        async with self._lock, DeadLetterReader(self._connection, self._names(DEAD_LETTER)) as reader:
            if wanted.dry_run:
                return await self._judged(reader, wanted, await read_marks(self._connection, self._marks))
            async with Replayer(self._connection, self._marks) as replayer:
                fates = await self._judged(reader, wanted, replayer.marks)
                if not (wanted.strict and any(fate.outcome == "blocked" for fate in fates.values())):
                    await self._send(reader, replayer, fates, actor)
                return fates

    async def _judged(self, reader: DeadLetterReader, wanted: Wanted, marks: Set[bytes]) -> Fates:
        """What would become of each dead letter."""
        partitions = await reader.partitions()
        limits = {self._names(name): topic(name).max_message_bytes for name in INPUTS}
        inputs: dict[LetterPosition, bytes] = {}
        obstacles = dict.fromkeys(wanted.letters, _GONE)
        async for refused in reader.these(list(wanted.letters)):
            obstacle = replay_obstacle(refused, partitions, limits) or wanted.letters[refused.place]
            inputs[refused.place] = _input(refused)
            if obstacle is None:
                del obstacles[refused.place]
            else:
                obstacles[refused.place] = obstacle
        return _fates(wanted, inputs, obstacles, marks)

    async def _send(self, reader: DeadLetterReader, replayer: Replayer, fates: Fates, actor: Actor) -> None:
        chain, request = AuditChain(socket.gethostname(), version_of()), secrets.token_hex(8)

        def entries(places: Sequence[LetterPosition]) -> list[tuple[str, Record]]:
            records = chain.records(actor, "replay", letter_ids(places), request=request)
            return [(self._names(AUDIT), record) for record in records]

        places, sent = [place for place, fate in fates.items() if fate.outcome == "replayed"], 0
        try:
            async for batch in replayed(reader, replayer, places, entries):
                sent += len(batch.sent)
        except ReplayError as error:
            raise InterruptedReplayError(sent) from error


def _input(refused: LetterRecord) -> bytes:
    """Which input was refused; nothing where the dead letter cannot be read."""
    letter = refused.letter
    return ReplayMark.of(letter, str(refused.place)).key if isinstance(letter, DeadLetter) else b""


def _fates(
    wanted: Wanted,
    inputs: Mapping[LetterPosition, bytes],
    obstacles: Mapping[LetterPosition, str],
    marks: Set[bytes],
) -> Fates:
    fates: Fates = {}
    taken: set[bytes] = set()
    for place in wanted.letters:
        key = inputs.get(place, b"")
        if key in marks or key in taken:
            fates[place] = Fate("before")
        elif place in obstacles:
            fates[place] = Fate("blocked", obstacles[place])
        elif len(taken) == wanted.canary:
            fates[place] = Fate("held")
        else:
            fates[place] = Fate("replayed")
            taken.add(key)
    return fates
