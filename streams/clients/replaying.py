"""One replay of many dead letters, for commands and the API: in batches of one transaction each."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from schemas import DeadLetter, Record
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.letters import LetterPosition
from streams.clients.replay import PlacedLetter, ReplayedInput, Replayer

#: Limits of one transaction: workers read nothing after it before it ends.
_LETTERS_AT_A_TIME = 500
_BYTES_AT_A_TIME = 16 * 2**20


@dataclass(frozen=True, slots=True)
class ReplayedBatch:
    """What became of the dead letters of one batch.

    Attributes:
        sent: Inputs that were sent again now, in one transaction.
        before: Dead letters whose inputs were sent again earlier, by whomever; they are not sent twice.
    """

    sent: Sequence[ReplayedInput]
    before: Sequence[LetterPosition]


async def replayed(
    reader: DeadLetterReader,
    replayer: Replayer,
    wanted: Sequence[LetterPosition],
    also: Callable[[Sequence[LetterPosition]], Sequence[tuple[str, Record]]],
) -> AsyncIterator[ReplayedBatch]:
    """Send the inputs of dead letters again, in the order of their positions; yields each batch once it is committed.

    Args:
        reader: Reads the dead letters.
        replayer: Sends their inputs.
        wanted: Positions of dead letters whose inputs can be sent.
        also: Makes what belongs to the transaction about some of them, such as entries of the audit.

    Raises:
        ReplayError: If a batch was not sent, or nobody knows; see `Replayer.undecided`. Those yielded were.
    """
    async for batch in _batches(reader, wanted):
        new = replayer.unsent(batch)
        sent = await replayer.send(new, also([place for place, _ in new])) if new else []
        now = {one.letter for one in sent}
        yield ReplayedBatch(sent, [place for place, _ in batch if place not in now])


async def _batches(reader: DeadLetterReader, wanted: Sequence[LetterPosition]) -> AsyncIterator[list[PlacedLetter]]:
    """The letters at these positions, in groups of one transaction each."""
    batch: list[PlacedLetter] = []
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
