"""Sends refused inputs again, and reports the outcome of each, also after errors."""

from collections.abc import Sequence
from typing import Any

from schemas import Record
from schemas.topics import REPLAYS
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError, progress_bar
from streams.clients import HotelAudioError
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.letters import LetterPosition, letter_ids
from streams.clients.replay import ReplayedInput, Replayer
from streams.clients.replaying import replayed


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
        self._before: set[LetterPosition] = set()
        self._undecided: dict[LetterPosition, ReplayedInput] = {}

    async def run(self, cluster: Cluster, reader: DeadLetterReader) -> None:
        """Send the inputs, and print a line for each as soon as its transaction has ended.

        Those that were sent again before, by whomever, are told and left out.

        Raises:
            CommandError: If some were not sent.
            HotelAudioError: If no transaction can be started.
        """
        try:
            async with Replayer(cluster.connection, cluster.topic(REPLAYS)) as replayer:
                await self._send_all(replayer, reader)
        finally:
            self._print_unsent()
        if missing := len(self._wanted) - len(self._sent) - len(self._before):
            raise CommandError(f"{missing} of {len(self._wanted)} inputs are no longer there")
        print(f"{len(self._sent)} inputs were sent again")

    def outcome(self, place: LetterPosition) -> dict[str, Any]:
        """The result of an input, for scripts."""
        sent = self._sent.get(place) or self._undecided.get(place)
        now = None if sent is None else {"partition": sent.position.partition, "offset": sent.position.offset}
        known = "unknown" if place in self._undecided else "before" if place in self._before else place in self._sent
        return {"sent": known, "now": now}

    async def _send_all(self, replayer: Replayer, reader: DeadLetterReader) -> None:
        try:
            with progress_bar() as progress:
                bar = progress.add_task("inputs", total=len(self._wanted))
                async for batch in replayed(reader, replayer, self._wanted, self._entries):
                    self._print_before(batch.before)
                    self._print_sent(batch.sent)
                    progress.advance(bar, len(batch.sent) + len(batch.before))
        except HotelAudioError as error:
            await self._settle(replayer)
            done = f"{len(self._sent)} of {len(self._wanted)} inputs were sent again"
            raise CommandError(f"{done}, the others were not: {error}") from error
        finally:
            self._undecided = {sent.letter: sent for sent in replayer.undecided}

    def _entries(self, places: Sequence[LetterPosition]) -> list[tuple[str, Record]]:
        return [(self._audit.topic, record) for record in self._audit.records("replay", letter_ids(places))]

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

    def _print_before(self, places: Sequence[LetterPosition]) -> None:
        for place in places:
            self._before.add(place)
            print(f"{place} has been sent again before", flush=True)

    def _print_unsent(self) -> None:
        for place in self._wanted:
            if place in self._undecided:
                print(f"{place} may have been sent, as {_where(self._undecided[place])}")
            elif place not in self._sent and place not in self._before:
                print(f"{place} was not sent", flush=True)


def _where(sent: ReplayedInput) -> str:
    return f"{sent.position.topic} {sent.position.partition}:{sent.position.offset}"
