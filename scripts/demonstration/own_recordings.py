"""Calls made of the user's own recordings: each is sent as it is, as one segment where it fits into a record."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from schemas import RawAudio
from schemas.raw_audio import MAX_RAW_BYTES
from scripts.cli import CommandError
from scripts.demonstration.calls import HOTELS, Input, good_input
from scripts.recordings.finding import Failed, Recording, find, printable
from scripts.recordings.reading import content, decoded, decoders
from streams.audio import Clip
from streams.clients.segments import segments
from streams.sandbox import DecoderSandbox

_SOURCE = "/hotel-audio-streams/demo"
_BYTES_PER_SAMPLE = 2


def inputs_of(paths: Sequence[Path], run: str) -> list[Input]:
    """Read recordings, and make a call of each.

    Args:
        paths: Files and folders.
        run: Part of every call id, so that two demos have no call in common.

    Raises:
        CommandError: If one cannot be read, or there is none.
    """
    found = find(paths)
    failures = [*found.failures]
    inputs: list[Input] = []
    with decoders(1) as sandbox:
        for number, recording in enumerate(found.recordings, start=1):
            read = _read(recording, sandbox)
            if isinstance(read, Failed):
                failures.append(read)
            else:
                inputs += _events(recording, *read, f"{run}-{number:02}")
    if failures:
        raise CommandError("; ".join(f"{printable(one.path)}: {one.problem}" for one in failures))
    if not inputs:
        raise CommandError(f"no recordings in {', '.join(map(printable, paths))}")
    return inputs


def _read(recording: Recording, sandbox: DecoderSandbox) -> tuple[bytes, Clip] | Failed:
    audio = content(recording)
    if isinstance(audio, Failed):
        return audio
    clip = decoded(recording, audio, sandbox)
    return clip if isinstance(clip, Failed) else (audio, clip)


def _events(recording: Recording, audio: bytes, clip: Clip, call: str) -> Iterator[Input]:
    if len(audio) <= MAX_RAW_BYTES:
        event = RawAudio(
            id=str(uuid4()),
            source=_SOURCE,
            hotel_id=HOTELS[0],
            call_id=call,
            media_type=recording.media_type,
            audio=audio,
            time=datetime.now(UTC),
            sequence=0,
            final=True,
        )
        yield Input(event, clip)
        return
    seconds = MAX_RAW_BYTES / (_BYTES_PER_SAMPLE * clip.channels * clip.rate)
    for event in segments(clip, hotel_id=HOTELS[0], call_id=call, source=_SOURCE, seconds=int(seconds)):
        yield good_input(event)
