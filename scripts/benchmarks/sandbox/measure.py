"""Times the same files in the caller, in a sandbox without Landlock and filter, and in the sandbox as it is."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile

from schemas import MediaType
from schemas import media_type as types
from scripts.benchmarks.sandbox import unconfined
from streams.audio import Clip, decode
from streams.sandbox import DecoderSandbox

_RATE = 8000
_FLAC_SAMPLES, _LOSSY_SAMPLES = 22_000, 16_000  # the FLAC file has 32 KB
_FILES = (
    ("FLAC", types.FLAC, "FLAC", "PCM_16", _FLAC_SAMPLES),
    ("Opus", types.OGG, "OGG", "OPUS", _LOSSY_SAMPLES),
    ("MP3", types.MPEG, "MP3", "MPEG_LAYER_III", _LOSSY_SAMPLES),
)


@dataclass(frozen=True)
class Row:
    """Time of one call in microseconds, in the fastest round: others on the machine only make it slower.

    Attributes:
        file: Format of the file.
        size: Its bytes.
        in_process: In the caller, without a sandbox.
        unconfined: In a child with its limits and its own user alone.
        confined: In a child with Landlock and the filter of system calls as well.
    """

    file: str
    size: int
    in_process: float
    unconfined: float
    confined: float

    @property
    def added(self) -> float:
        """What Landlock and the filter add."""
        return self.confined - self.unconfined


def measure(rounds: int, calls: int, tell: Callable[[], None]) -> list[Row]:
    """Time each file; the three ways take turns within a round, as the machine's speed varies.

    Args:
        rounds: Rounds for each file.
        calls: Calls of each way in a round.
        tell: Called after each round.
    """
    rows = []
    with DecoderSandbox(1, decoder=unconfined.DECODER) as without, DecoderSandbox(1) as sandbox:
        for name, label, container, subtype, samples in _FILES:
            audio, media_type = _file(container, subtype, samples), MediaType(label)
            ways = (decode, without.decode, sandbox.decode)
            times = []
            for _ in range(rounds):
                times.append([_timed(way, audio, media_type, calls) for way in ways])
                tell()
            in_process, without_it, with_it = (min(way) for way in zip(*times, strict=True))
            rows.append(Row(name, len(audio), in_process, without_it, with_it))
    return rows


def steps(rounds: int) -> int:
    """How often `measure` tells of progress."""
    return len(_FILES) * rounds


def _file(container: str, subtype: str, samples: int) -> bytes:
    """Noise, which lossless coding hardly makes smaller."""
    noise = np.random.default_rng(1).normal(0, 800, samples).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, noise, _RATE, format=container, subtype=subtype)
    return file.getvalue()


def _timed(way: Callable[[bytes, MediaType], object], audio: bytes, media_type: MediaType, calls: int) -> float:
    """Microseconds of a call, after one that is not counted."""
    assert isinstance(way(audio, media_type), Clip), media_type  # noqa: S101 - a refusal would be too fast
    began = time.perf_counter()
    for _ in range(calls):
        way(audio, media_type)
    return (time.perf_counter() - began) / calls * 1e6
