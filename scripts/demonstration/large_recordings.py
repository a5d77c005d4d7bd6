"""The user's recordings that are too large for a record: they are sent by reference, beside the live calls."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import soundfile

from schemas import CompressedAudio, DeadLetter, Position, RawAudio
from scripts.commands._manifests import length
from scripts.commands._names import segment_name
from scripts.demonstration.calls import HOTELS
from scripts.recordings.finding import Recording, printable
from scripts.tables import ReportTable
from streams.clients import HotelAudioError, RawAudioProducer
from streams.clients.result_files import ResultFiles

_SOURCE = "/hotel-audio-streams/demo"


@dataclass(frozen=True, slots=True)
class LargeRecording:
    """A recording to be sent by reference.

    Attributes:
        recording: Its file.
        event: Its event, without audio.
        size: Bytes of the file.
    """

    recording: Recording
    event: RawAudio
    size: int

    @property
    def name(self) -> str:
        """The file, for messages."""
        return printable(self.recording.name)


@dataclass(frozen=True, slots=True)
class SentRecording:
    """A recording that was stored, and whose reference was sent.

    Attributes:
        large: The recording.
        position: Where its record is.
        sent: When that was acknowledged, on the monotonic clock.
    """

    large: LargeRecording
    position: Position
    sent: float


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of a recording.

    Attributes:
        large: The recording.
        result: Its result.
        file: Where that was saved; None for one that could not be saved.
        seconds: From its acknowledgement to the arrival of the result.
    """

    large: LargeRecording
    result: CompressedAudio
    file: Path | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result for programs."""
        return {
            "recording": self.large.name,
            "bytes_in": self.large.size,
            "bytes_out": self.result.compressed_bytes,
            "audio_seconds": self.result.duration_ms / 1000,
            "level": self.result.level,
            "codec": self.result.codec,
            "seconds": round(self.seconds, 1),
            "dataref": self.result.data_ref,
            "file": None if self.file is None else str(self.file),
        }


def recordings_table(results: Sequence[RecordingResult]) -> ReportTable:
    """The results of the recordings, for people."""
    table = ReportTable("recording", "level", "codec", title="Recordings by reference, beside the calls", keys=1)
    for name in ("length", "bytes in", "bytes out", "ratio", "seconds"):
        table.add_column(name, justify="right")
    for one in results:
        bytes_out = one.result.compressed_bytes
        table.add_row(
            one.large.name,
            str(one.result.level),
            one.result.codec,
            length(one.result.duration_ms),
            f"{one.large.size:,}",
            f"{bytes_out:,}",
            f"{one.large.size / bytes_out:.1f}",
            f"{one.seconds:.1f}",
        )
    return table


def large_recording(recording: Recording, run: str, number: int) -> LargeRecording:
    """Make a recording's event, with a call id of its own."""
    event = RawAudio(
        id=str(uuid4()),
        source=_SOURCE,
        hotel_id=HOTELS[0],
        call_id=f"{run}-recording-{number:02}",
        media_type=recording.media_type,
        audio=b"",
        time=datetime.now(UTC),
        sequence=0,
        final=True,
    )
    return LargeRecording(recording, event, recording.path.stat().st_size)


async def send_recordings(producer: RawAudioProducer, recordings: Sequence[LargeRecording]) -> list[SentRecording]:
    """Store the recordings one after the other, and send a reference to each."""
    sent = []
    for large in recordings:
        position = await producer.send(large.event, large.recording.path)
        sent.append(SentRecording(large, position, time.monotonic()))
    return sent


def save_recordings(
    sent: Iterable[SentRecording],
    arrived: Iterable[tuple[CompressedAudio | DeadLetter, float]],
    files: ResultFiles,
    directory: Path,
) -> tuple[list[RecordingResult], list[str]]:
    """Check that each recording has one result, and save it.

    Args:
        sent: The recordings.
        arrived: All outcomes, with their times on the monotonic clock.
        files: Fetches the files of results.
        directory: Where to save them.

    Returns:
        The results, and what is not as it has to be, in one line each.
    """
    outcomes = defaultdict(list)
    for outcome, at in arrived:
        outcomes[outcome.position].append((outcome, at))
    results: list[RecordingResult] = []
    faults: list[str] = []
    for one in sent:
        mine = outcomes[one.position]
        if len(mine) != 1:
            faults.append(f"{one.large.name} has {len(mine)} outcomes and must have one")
        for outcome, at in mine[:1]:
            if isinstance(outcome, DeadLetter):
                faults.append(f"{one.large.name} is a dead letter: {outcome.rejection.message}")
                continue
            file, problem = _saved(outcome, files, directory / "recordings" / one.large.event.call_id)
            results.append(RecordingResult(one.large, outcome, file, at - one.sent))
            lines = (problem, _mistake(one.large, outcome), None if file is None else _length_problem(outcome, file))
            faults += [f"{one.large.name}: {line}" for line in lines if line]
    return results, faults


def _saved(result: CompressedAudio, files: ResultFiles, directory: Path) -> tuple[Path | None, str | None]:
    """Save a result; returns the file, or why there is none."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / segment_name(result, "recording")
    try:
        asyncio.run(files.save(result, path))
    except HotelAudioError as error:
        return None, str(error)
    return path, None


def _length_problem(result: CompressedAudio, file: Path) -> str | None:
    try:
        seconds = soundfile.info(file).duration
    except soundfile.LibsndfileError as error:
        return f"{file} does not open: {error}"
    if abs(seconds * 1000 - result.duration_ms) <= 1:
        return None
    return f"{file} has {seconds:.3f} s and must have {result.duration_ms / 1000:.3f} s"


def _mistake(large: LargeRecording, result: CompressedAudio) -> str | None:
    if result.causation_id != large.event.id:
        return "has the result of another input"
    return None if result.original_bytes == large.size else f"has a result of {result.original_bytes} bytes of input"
