"""Calls made of the user's own recordings: each is sent as it is, in one record or by reference."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from schemas import RawAudio
from scripts.cli import CommandError
from scripts.demonstration.calls import HOTELS, Input
from scripts.demonstration.large_recordings import LargeRecording, large_recording
from scripts.recordings.finding import Failed, Recording, find, printable
from scripts.recordings.reading import content, decoded, decoders
from streams.audio import Clip
from streams.sandbox import DecoderSandbox

_SOURCE = "/hotel-audio-streams/demo"


class OwnRecordings(NamedTuple):
    """What is sent of the user's recordings.

    Attributes:
        inputs: Those that fit into a record, decoded.
        large: The others.
    """

    inputs: list[Input]
    large: list[LargeRecording]


def inputs_of(paths: Sequence[Path], run: str, inline_limit: int) -> OwnRecordings:
    """Read recordings, and make a call of each; large ones are not read yet.

    Args:
        paths: Files and folders.
        run: Part of every call id, so that two demos have no call in common.
        inline_limit: Bytes of the largest file that is sent in a record.

    Raises:
        CommandError: If one cannot be read, or there is none.
    """
    found = find(paths)
    failures = [*found.failures]
    own = OwnRecordings([], [])
    with decoders(1) as sandbox:
        for number, recording in enumerate(found.recordings, start=1):
            if recording.path.is_file() and recording.path.stat().st_size > inline_limit:
                own.large.append(large_recording(recording, run, number))
                continue
            read = _read(recording, sandbox)
            if isinstance(read, Failed):
                failures.append(read)
            else:
                own.inputs.append(_input(recording, *read, f"{run}-{number:02}"))
    if failures:
        raise CommandError("; ".join(f"{printable(one.path)}: {one.problem}" for one in failures))
    if not (own.inputs or own.large):
        raise CommandError(f"no recordings in {', '.join(map(printable, paths))}")
    return own


def _read(recording: Recording, sandbox: DecoderSandbox) -> tuple[bytes, Clip] | Failed:
    audio = content(recording)
    if isinstance(audio, Failed):
        return audio
    clip = decoded(recording, audio, sandbox)
    return clip if isinstance(clip, Failed) else (audio, clip)


def _input(recording: Recording, audio: bytes, clip: Clip, call: str) -> Input:
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
    return Input(event, clip)
