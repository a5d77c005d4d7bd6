"""Measures how much recordings delay live segments, and what memory they take."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import psutil
import soundfile

from schemas import MediaType, RawAudio
from schemas.topics import RAW, RECORDINGS
from scripts.benchmarks.streaming.arrivals import WaitTimes
from scripts.benchmarks.streaming.coding import RATE
from scripts.benchmarks.streaming.records import NOT_COUNTED, Traffic
from scripts.benchmarks.streaming.systems import WORKER_SETTINGS, worker
from scripts.benchmarks.streaming.trial import Setup, ready
from scripts.cli import Cluster
from scripts.processes.worker_process import WorkerProcess
from streams.clients import RawAudioProducer

#: Seconds of rest before each measurement.
_SETTLE_S = 3.0
_LOOK_S = 0.2
_WAV = MediaType("audio/wav")


@dataclass(frozen=True, slots=True)
class Row:
    """Live segments without and with recordings.

    Attributes:
        rate: Live segments per second.
        recordings: Number of recordings that were being processed.
        hours: Length of each, in hours.
        alone: Waiting times of live segments without recordings.
        beside: The same while recordings were processed.
        speed: Seconds of recordings' audio that were encoded in each second meanwhile.
        peak_bytes: Largest resident memory of the worker's process.
        peak_family_bytes: The same with its decoders' processes.
    """

    rate: float
    recordings: int
    hours: float
    alone: WaitTimes
    beside: WaitTimes
    speed: float
    peak_bytes: int
    peak_family_bytes: int

    @property
    def ratio(self) -> float:
        """The 95th percentile with recordings, over that without."""
        return self.beside.p95_ms / self.alone.p95_ms

    def as_json(self) -> dict[str, Any]:
        """All values."""
        return {**asdict(self), "ratio": self.ratio}


def measure(setup: Setup, traffic: Traffic, *, rate: float, seconds: float, recordings: int, hours: float) -> Row:
    """Measure one worker, first with live segments alone, then with recordings as well.

    Args:
        setup: Brokers, directories and progress display.
        traffic: The source of the live segments.
        rate: Live segments per second.
        seconds: How long they are sent, each time.
        recordings: Number of recordings, which are sent at once, by reference.
        hours: Length of each.

    Raises:
        ProcessError: If the worker ends, or does not start.
        ResultsError: If a live segment has no result, or more than one.
    """
    store = setup.directory / "store"
    store.mkdir()
    file = recording_of(traffic, setup.directory / "recording.wav", hours * 3600)
    clusters: list[Cluster] = []

    def start(cluster: Cluster, directory: Path) -> Sequence[WorkerProcess]:
        clusters.append(cluster)
        return [worker(cluster, traffic.level, directory, {**WORKER_SETTINGS, "AUDIO_STORES": f"file://{store}"})]

    count = round(rate * seconds)
    with ready(setup, traffic, start, 2 * count) as trial, _memory(trial.processes[0].pid) as memory:
        time.sleep(_SETTLE_S)
        alone = trial.send(rate, count)
        setup.progress.advance(1)
        asyncio.run(_send(clusters[0], file, store, recordings))
        time.sleep(_SETTLE_S)
        before, began = _encoded(trial.processes[0]), time.monotonic()
        beside = trial.send(rate, count)
        speed = (_encoded(trial.processes[0]) - before) / (time.monotonic() - began)
        setup.progress.advance(1)
    return Row(
        rate=rate,
        recordings=recordings,
        hours=hours,
        alone=WaitTimes.of(alone.arrived - alone.due),
        beside=WaitTimes.of(beside.arrived - beside.due),
        speed=speed,
        peak_bytes=memory.own,
        peak_family_bytes=memory.family,
    )


def recording_of(traffic: Traffic, path: Path, seconds: float) -> Path:
    """Write a WAV file of the segments, one after the other, repeated."""
    speech = np.concatenate([np.frombuffer(segment.audio, "<i2") for segment in traffic.segments])
    left = round(seconds * RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        while left:
            piece = speech[:left]
            file.write(piece)
            left -= len(piece)
    return path


async def _send(cluster: Cluster, file: Path, store: Path, count: int) -> None:
    producer = RawAudioProducer(
        cluster.connection, cluster.topic(RAW), recordings=cluster.topic(RECORDINGS), stores=f"file://{store}"
    )
    async with producer:
        for number in range(count):
            event = RawAudio(
                id=str(NOT_COUNTED + number),
                source="urn:bench",
                hotel_id="bench",
                call_id=f"recording-{number}",
                media_type=_WAV,
                audio=b"",
                channel="mixed",
            )
            await producer.send(event, file)


def _encoded(process: WorkerProcess) -> float:
    """Seconds of recordings' audio that a worker has encoded, or analysed: half of each, as it does both with all."""
    lines = process.metrics().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("audio_recording_seconds_total")) / 2


@dataclass
class _Peak:
    own: int = 0
    family: int = 0


@contextmanager
def _memory(pid: int) -> Iterator[_Peak]:
    """Watch the resident memory of a process and its children."""
    peak, end = _Peak(), Event()

    def watch() -> None:
        process = psutil.Process(pid)
        while not end.wait(_LOOK_S):
            try:
                own = process.memory_info().rss
                children = sum(child.memory_full_info().uss for child in process.children(recursive=True))
            except psutil.Error:  # a child has just ended
                continue
            peak.own, peak.family = max(peak.own, own), max(peak.family, own + children)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        end.set()
        thread.join()
