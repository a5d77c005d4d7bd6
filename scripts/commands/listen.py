"""Prints each result on the topic audio.compressed in one line, and saves the files if asked to."""

import argparse
import asyncio
import hashlib
import re
import sys
from collections.abc import Sequence
from itertools import count as numbers
from pathlib import Path

from schemas import CompressedAudio, Rejection
from schemas.topics import COMPRESSED
from scripts.cli import CommandError, add_cluster_options, cluster_of, count, run, seconds
from streams.clients import CompressedAudioConsumer

_SUFFIXES = {"audio/flac": "flac", "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/wav": "wav"}
_LONGEST_STEM = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run("listen", _listen(parser().parse_args(argv)))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/listen", description=__doc__)
    made.add_argument(
        "--save", type=Path, metavar="DIR", help="save each result as CALL-SEQUENCE with its format's suffix"
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
    received = 0
    async with CompressedAudioConsumer(
        cluster.connection, cluster.topic(COMPRESSED), from_beginning=options.from_beginning
    ) as consumer:
        while options.count is None or received < options.count:
            try:
                result = await asyncio.wait_for(anext(consumer), options.timeout)
            except TimeoutError:
                break
            if isinstance(result, Rejection):
                print(f"not a result: {result.message}", flush=True)
                continue
            received += 1
            saved = "" if options.save is None else f" -> {save(result, options.save)}"
            print(line(result) + saved, flush=True)
    if options.count is not None and received < options.count:
        raise CommandError(f"received {received} of {options.count} results within {options.timeout:g} s")
    return 0


def line(result: CompressedAudio) -> str:
    """A result as one line."""
    sequence = "-" if result.sequence is None else result.sequence
    size = len(result.audio)
    return (
        f"{result.call_id} #{sequence} level {result.level} {result.codec} "
        f"{result.original_bytes} -> {size} bytes ({result.original_bytes / max(size, 1):.1f}x) "
        f"{result.duration_ms / 1000:.2f} s quality {result.quality:.2f} cache {result.cache}"
    )


def save(result: CompressedAudio, directory: Path) -> Path:
    """Save a result's file.

    Call ids come from outside: they cannot lead out of the directory, and no file is overwritten.

    Args:
        result: The result.
        directory: Its directory; created if missing.

    Returns:
        The file's path; an existing file with equal content is reused.

    Raises:
        CommandError: If it cannot be written.
    """
    number = f"o{result.position.offset}" if result.sequence is None else str(result.sequence)
    suffix = _SUFFIXES.get(result.content_type.partition(";")[0].strip(), "bin")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for attempt in numbers(1):
            again = "" if attempt == 1 else f".{attempt}"
            path = directory / f"{_stem(result.call_id)}-{number}{again}.{suffix}"
            if _written(path, result.audio):
                return path
    except OSError as error:
        raise CommandError(f"{directory}: {error.strerror}") from error
    raise AssertionError("unreachable: there is always a next name")


def _stem(call_id: str) -> str:
    """A file name for a call id; different ids get different names."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", call_id).lstrip(".-")[:_LONGEST_STEM]
    if plain == call_id:
        return plain
    return f"{plain}~{hashlib.sha256(call_id.encode()).hexdigest()[:8]}"


def _written(path: Path, audio: bytes) -> bool:
    """Write the file unless it exists; returns whether it has this content."""
    try:
        with path.open("xb") as file:  # x: neither overwrites a file nor follows a link
            file.write(audio)
    except FileExistsError:
        return path.is_file() and path.read_bytes() == audio
    return True


if __name__ == "__main__":
    sys.exit(main())
