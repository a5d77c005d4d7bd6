"""Saves the audio of refused inputs, whether it is their value or lies in an object store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from schemas import DeadLetter, RawAudio, Rejection
from scripts.cli import CommandError, counted, progress_bar
from scripts.object_stores import object_stores
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.letters import LetterPosition
from streams.clients.opening import RecordOpener
from streams.stores.claim_check import ClaimCheck

_NOT_SAVED = "not saved"


async def save_inputs(
    reader: DeadLetterReader, places: Sequence[LetterPosition], directory: Path, opener: RecordOpener
) -> None:
    """Save the audio of each input as ``PARTITION-OFFSET.bin``, and print a line for each.

    Args:
        reader: Reads the letters.
        places: Their positions.
        directory: Where the files go.
        opener: Opens sealed ones.

    Raises:
        CommandError: If one cannot be read or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with object_stores() as stores, progress_bar() as progress:
            claim_check = replace(stores, find=opener.find)
            bar = progress.add_task("inputs", total=len(places))
            lacking = 0
            async for refused in reader.these(places):
                if isinstance(refused.letter, Rejection):
                    raise CommandError(f"what is at {refused.place} cannot be read: {refused.letter.message}")
                path = directory / f"{refused.place.partition}-{refused.place.offset}.bin"
                opened = await opener.open(refused.letter.original)
                if isinstance(opened, Rejection):
                    problem: str | None = f"{_NOT_SAVED}: {opened.message}"
                else:
                    letter = replace(refused.letter, original=opened)
                    problem = await asyncio.to_thread(_save, claim_check, letter, path)
                print(path if problem is None else f"{path}: {problem}", flush=True)
                lacking += problem is not None and problem.startswith(_NOT_SAVED)
                progress.advance(bar)
    except OSError as error:
        raise CommandError(f"{directory}: {error.strerror}") from error
    if lacking:
        raise CommandError(f"{lacking} of {counted(len(places), 'input')} could not be saved")


def _save(claim_check: ClaimCheck, letter: DeadLetter, path: Path) -> str | None:
    """Save the audio of one input; returns what is to be told of it besides."""
    event = RawAudio.from_record(letter.original)
    if isinstance(event, Rejection) or event.data_ref is None:
        path.write_bytes(letter.original.value or b"")
        return None if letter.whole else "only the beginning, the input was too large for a letter"
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        fetched = claim_check.fetch_input(event, unfinished)
        if isinstance(fetched, Rejection):
            return f"{_NOT_SAVED}: {fetched.message}"
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return None
