"""Sends refused inputs again, and reports the outcome of each, also after errors."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from schemas import DeadLetter, Record
from scripts.audit_trail.writing import Audit, letter_ids
from scripts.cli import CommandError, progress_bar
from streams.clients import HotelAudioError
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.letters import LetterPosition
from streams.clients.replay import ReplayedInput, Replayer
from streams.kafka.connection import KafkaConnection

#: Limits of one transaction: workers read nothing after it before it ends.
_LETTERS_AT_A_TIME = 500
_BYTES_AT_A_TIME = 16 * 2**20

_Batch = list[tuple[LetterPosition, DeadLetter]]


class Replay:
    """One replay.

    Args:
        wanted: Positions of dead letters whose inputs can be sent.
        audit: Tells of each transaction in it.
    """

    def __init__(self, wanted: Sequence[LetterPosition], audit: Audit) -> None:
        self._wanted = wanted
        self._audit = audit
        self._sent: dict[LetterPosition, ReplayedInput] = {}
        self._undecided: dict[LetterPosition, ReplayedInput] = {}

    async def run(self, connection: KafkaConnection, reader: DeadLetterReader) -> None:
        """Send the inputs, and print a line for each as soon as its transaction has ended.

        Raises:
            CommandError: If some were not sent.
            HotelAudioError: If no transaction can be started.
        """
        try:
            async with Replayer(connection) as replayer:
                await self._send_all(replayer, reader)
        finally:
            self._print_unsent()
        if missing := len(self._wanted) - len(self._sent):
            raise CommandError(f"{missing} of {len(self._wanted)} inputs are no longer there")
        print(f"{len(self._sent)} inputs were sent again")

    def outcome(self, place: LetterPosition) -> dict[str, Any]:
        """The result of an input, for scripts."""
        sent = self._sent.get(place) or self._undecided.get(place)
        now = None if sent is None else {"partition": sent.position.partition, "offset": sent.position.offset}
        return {"sent": "unknown" if place in self._undecided else place in self._sent, "now": now}

    async def _send_all(self, replayer: Replayer, reader: DeadLetterReader) -> None:
        try:
            with progress_bar() as progress:
                bar = progress.add_task("inputs", total=len(self._wanted))
                async for batch in _batches(reader, self._wanted):
                    self._print_sent(await replayer.send(batch, self._entries(batch)))
                    progress.advance(bar, len(batch))
        except HotelAudioError as error:
            await self._settle(replayer)
            done = f"{len(self._sent)} of {len(self._wanted)} inputs were sent again"
            raise CommandError(f"{done}, the others were not: {error}") from error
        finally:
            self._undecided = {sent.letter: sent for sent in replayer.undecided}

    def _entries(self, batch: _Batch) -> list[tuple[str, Record]]:
        objects = letter_ids(place for place, _ in batch)
        return [(self._audit.topic, record) for record in self._audit.records("replay", objects)]

    async def _settle(self, replayer: Replayer) -> None:
        """Find the fate of a transaction whose end was not confirmed."""
        if not replayer.undecided:
            return
        sent = await replayer.decide()
        if sent is None:
            return
        undecided, replayer.undecided = replayer.undecided, ()
        if sent:
            self._print_sent(undecided)

    def _print_sent(self, sent: Sequence[ReplayedInput]) -> None:
        for one in sent:
            self._sent[one.letter] = one
            print(f"{one.letter} is {_where(one)} now", flush=True)

    def _print_unsent(self) -> None:
        for place in self._wanted:
            if place in self._undecided:
                print(f"{place} may have been sent, as {_where(self._undecided[place])}")
            elif place not in self._sent:
                print(f"{place} was not sent", flush=True)


async def _batches(reader: DeadLetterReader, wanted: Sequence[LetterPosition]) -> AsyncIterator[_Batch]:
    """The letters at these positions, in groups of one transaction each."""
    batch: _Batch = []
    size = 0
    async for refused in reader.these(wanted):
        if not isinstance(refused.letter, DeadLetter):
            continue
        length = len(refused.letter.original.value or b"")
        if batch and (len(batch) == _LETTERS_AT_A_TIME or size + length > _BYTES_AT_A_TIME):
            yield batch
            batch, size = [], 0
        batch.append((refused.place, refused.letter))
        size += length
    if batch:
        yield batch


def _where(sent: ReplayedInput) -> str:
    return f"{sent.position.topic} {sent.position.partition}:{sent.position.offset}"
