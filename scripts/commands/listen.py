"""Prints each result on the topic audio.compressed in one line, and saves the files if asked to."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import count as numbers
from pathlib import Path

from schemas import CompressedAudio, Rejection
from schemas.topics import COMPRESSED, KEYS
from scripts.audit_trail.writing import Audit, ids_of
from scripts.cli import CommandError, add_cluster_options, cluster_of, count, progress_bar, run, seconds
from scripts.commands._names import call_directory, segment_name
from scripts.commands._new_files import write_new
from scripts.object_stores import store_settings
from scripts.recordings.finding import printable
from scripts.sealed_records import tell_unopened
from scripts.sealing.opening import key_store_opener
from scripts.tables import fitted
from streams.clients import BrokenReferenceError, CompressedAudioConsumer, SealedError
from streams.clients.result_files import ResultFiles

_MOST_TOLD = 10_000  # calls whose entry in the audit is remembered


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run("listen", _listen(parser().parse_args(argv)))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/listen", description=__doc__)
    made.add_argument(
        "--save",
        type=Path,
        metavar="DIR",
        help="save each result as DIR/HOTEL/CALL/CHANNEL-SEQUENCE with its format's suffix",
    )
    made.add_argument(
        "--from-beginning", action="store_true", help="start at the oldest result (default: at the next one)"
    )
    made.add_argument("--count", type=count, metavar="N", help="stop after N results (default: never)")
    made.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="stop after S seconds without a result; exit 1 if --count was not reached (default: no limit)",
    )
    add_cluster_options(made)
    return made


async def _listen(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    await cluster.check([COMPRESSED])
    async with (
        Audit(cluster) as audit,
        CompressedAudioConsumer(
            cluster.connection,
            cluster.topic(COMPRESSED),
            from_beginning=options.from_beginning,
            stores=store_settings().store_configuration,
            fetch_limit=0,  # files by reference are fetched when they are to be saved
            key_store=key_store_opener(os.environ),
            keys=cluster.topic(KEYS),
        ) as consumer,
    ):
        try:
            received = await _receive(consumer, audit, options)
        finally:
            tell_unopened("listen", consumer.unopened, consumer.obstacle)
    if options.count is not None and received < options.count:
        raise CommandError(f"received {received} of {options.count} results within {options.timeout:g} s")
    return 0


async def _receive(consumer: CompressedAudioConsumer, audit: Audit, options: argparse.Namespace) -> int:
    """Print the results, and return how many there were."""
    received = 0
    told: set[tuple[str, str]] = set()
    while options.count is None or received < options.count:
        try:
            result = await asyncio.wait_for(anext(consumer), options.timeout)
        except TimeoutError:
            break
        if isinstance(result, Rejection):
            what = "sealed" if result.stage == "open" else "not a result"
            print(f"{what}: {result.message}", flush=True)
            continue
        await _tell(audit, result, told)
        try:
            saved = "" if options.save is None else f" -> {await _saved(consumer.files, result, options.save)}"
        except (BrokenReferenceError, SealedError) as error:
            print(fitted(f"{line(result)}, not saved: {error}"), flush=True)
            continue
        received += 1
        print(fitted(line(result) + saved), flush=True)
    return received


async def _tell(audit: Audit, result: CompressedAudio, told: set[tuple[str, str]]) -> None:
    """Tell the audit of a call before its first result is shown."""
    call = (result.hotel_id, result.call_id)
    if call in told:
        return
    if len(told) == _MOST_TOLD:
        told.clear()  # a call that is told twice does no harm
    await audit.write("listen", ids_of([call]))
    told.add(call)


async def _saved(files: ResultFiles, result: CompressedAudio, directory: Path) -> Path:
    """Save a result's file, also one that lies in an object store, without holding that in memory."""
    if result.data_ref is None:
        return save(result, directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=directory) as temporary, progress_bar() as progress:
            progress.add_task(f"fetching {result.compressed_bytes} bytes", total=None)
            file = Path(temporary, "file")
            await files.save(result, file)
            return save(result, directory, file)
    except OSError as error:
        raise CommandError(f"{directory}: {error.strerror}") from error


def line(result: CompressedAudio) -> str:
    """A result as one line."""
    sequence = "-" if result.sequence is None else result.sequence
    size = result.compressed_bytes
    return (
        f"{printable(result.call_id)} {result.channel or 'any'} #{sequence} level {result.level} {result.codec} "
        f"{result.original_bytes} -> {size} bytes ({result.original_bytes / max(size, 1):.1f}x) "
        f"{result.duration_ms / 1000:.2f} s quality {result.quality:.2f} cache {result.cache}"
    )


def save(result: CompressedAudio, directory: Path, file: Path | None = None) -> Path:
    """Save a result's file as ``HOTEL/CALL/CHANNEL-SEQUENCE`` with its format's suffix.

    Ids come from outside: they cannot lead out of the directory, and no file is overwritten.

    Args:
        result: The result.
        directory: The directory for all results; created if missing.
        file: Where the result's file is; None if the result has it.

    Returns:
        The file's path; an existing file with equal content is reused.

    Raises:
        CommandError: If it cannot be written.
    """
    name = Path(segment_name(result, result.channel or "any"))
    call = call_directory(directory, result.hotel_id, result.call_id)
    try:
        call.mkdir(parents=True, exist_ok=True)
        for attempt in numbers(1):
            again = "" if attempt == 1 else f".{attempt}"
            path = call / f"{name.stem}{again}{name.suffix}"
            if write_new(path, result.audio if file is None else file):
                return path
    except OSError as error:
        raise CommandError(f"{call}: {error.strerror}") from error
    raise AssertionError("unreachable: there is always a next name")


if __name__ == "__main__":
    sys.exit(main())
