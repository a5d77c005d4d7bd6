"""Times recordings in a process of its own, and the bare codec on the same samples and cores."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streams.audio import Clip
from streams.codecs import wav
from streams.codecs.flac import libflac_file
from streams.codecs.libopus import Settings, encode

RATE = 8000
_PAUSE = RATE // 2
_OPUS_FRAME = 480  # 60 ms, as in results
_OPUS_BITRATE, _OPUS_BANDWIDTH, _BEST = 12_000, 4000, 10
_FLAC_EFFORT = {1: 5, 2: 8}


@dataclass(frozen=True)
class Row:
    """One recording.

    Attributes:
        hours: Its length.
        level: The compression level.
        seconds: Clock of the product, from the file to the file.
        bare_seconds: Clock of the codec alone, its threads sharing the samples evenly.
        cpu_seconds: Time of all cores that the product used, without its decoder.
        bare_cpu_seconds: Time of all cores that the codec used.
        worker_mb: Largest resident memory of the product's own process in MB.
        peak_mb: Of all of its processes together, with the decoders', pages that they share counted for each.
        ratio: Size of the samples over that of the result.
    """

    hours: float
    level: int
    seconds: float
    bare_seconds: float
    cpu_seconds: float
    bare_cpu_seconds: float
    worker_mb: float
    peak_mb: float
    ratio: float

    @property
    def clock(self) -> float:
        """Clock over that of the codec alone."""
        return self.seconds / self.bare_seconds


def measure(
    speech: list[Clip], hours: float, tell: Callable[[], None], *, level: int, threads: int, rounds: int
) -> Row:
    """Time one recording of prompts with pauses; product and codec take turns, and the fastest round of each counts.

    Args:
        speech: The prompts, at 8 kHz.
        hours: Length of the recording.
        tell: Called after each of both, in each round.
        level: The compression level, 1 to 5.
        threads: Number of threads for its chunks.
        rounds: How often each is timed.
    """
    frames = round(hours * 3600 * RATE)
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "recording.wav"
        _write(source, speech, frames)
        bare, product = [], []
        for _ in range(rounds):
            bare.append(_bare(source, level, threads))
            tell()
            product.append(_product(source, level, threads))
            tell()
    best = min(product, key=lambda run: float(run["seconds"]))
    size = best["size"]
    return Row(
        hours,
        level,
        best["seconds"],
        min(bare)[0],
        best["cpu_seconds"],
        min(cpu for _, cpu in bare),
        max(run["worker_peak_mb"] for run in product),
        max(run["peak_mb"] for run in product),
        2 * frames / size,
    )


def _write(path: Path, speech: list[Clip], frames: int) -> None:
    with path.open("wb") as file:
        file.write(wav.pcm_head(2 * frames, RATE, 1))
        for samples in _joined(speech, frames):
            file.write(samples.astype("<i2", copy=False).data)


def _joined(speech: list[Clip], frames: int) -> Iterator[NDArray[np.int16]]:
    pause = np.zeros(_PAUSE, np.int16)
    for clip in cycle(speech):
        for samples in (clip.samples[:, 0], pause):
            if not frames:
                return
            yield samples[:frames]
            frames -= min(frames, len(samples))


def _bare(source: Path, level: int, threads: int) -> tuple[float, float]:
    """Clock and time of all cores of the codec, with the samples in memory and its output thrown away."""
    samples = np.fromfile(source, "<i2", offset=wav.PCM_HEADER_BYTES)
    parts = np.array_split(samples[: len(samples) // (_OPUS_FRAME * threads) * _OPUS_FRAME * threads], threads)

    def code(part: NDArray[np.int16]) -> None:
        plane = np.ascontiguousarray(part[:, None])
        if level in _FLAC_EFFORT:
            libflac_file(plane, RATE, _FLAC_EFFORT[level], 1)
        else:
            bitrates = np.full(len(part) // _OPUS_FRAME, _OPUS_BITRATE, np.int32)
            encode(plane, RATE, bitrates, Settings(_BEST, _OPUS_BANDWIDTH, dtx=False))

    with ThreadPoolExecutor(threads) as executor:
        began, cpu = time.perf_counter(), time.process_time()
        list(executor.map(code, parts))
        return time.perf_counter() - began, time.process_time() - cpu


def _product(source: Path, level: int, threads: int) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.benchmarks.recordings.product", str(source), str(level), str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
