"""Measures the processing time of one clip, from decoded samples to the file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.benchmarks.corpus import Named
from streams.analysis.analysis import LazyAnalysis, analyse
from streams.audio import Clip
from streams.compression import DEFAULT_POLICY, choose, encode

SECONDS = 5

_LEVEL = 3
_CLIPS = 40
_REPEATS = 5  # repetitions; the fastest counts, because other programs can only add time


@dataclass(frozen=True, slots=True)
class ClipTiming:
    """Milliseconds of one core for clips of `SECONDS` at level 3.

    Attributes:
        clips: How many were measured.
        analysis_ms: Median of the analysis alone.
        median_ms: Median of analysis, choice and encoding.
        p90_ms: Its ninetieth percentile.
    """

    clips: int
    analysis_ms: float
    median_ms: float
    p90_ms: float


def measure(speech: Sequence[Named]) -> ClipTiming:
    """Measure in this process, one clip after the other. The prompts are joined, and cut into pieces of `SECONDS`."""
    clips = _cut([clip for _, clip in speech])
    times = np.array([[_once(clip) for _ in range(_REPEATS)] for clip in clips]).min(axis=1) * 1000
    analysis, median = np.median(times, axis=0)
    return ClipTiming(len(times), float(analysis), float(median), float(np.percentile(times[:, 1], 90)))


def _cut(clips: Sequence[Clip]) -> list[Clip]:
    """Cut at least one clip; audio that is too short is repeated."""
    first = clips[0]
    size = SECONDS * first.rate
    samples = np.concatenate([clip.samples for clip in clips])
    samples = np.resize(samples, (max(size, len(samples) // size * size), first.channels))
    return [Clip.of(piece, first.rate, first.source) for piece in samples.reshape(-1, size, first.channels)[:_CLIPS]]


def _once(clip: Clip) -> tuple[float, float]:
    """Seconds of the analysis, and of the whole processing."""
    started = time.process_time()
    analysis = analyse(clip)
    heard = time.process_time()
    encode(clip, choose(clip, LazyAnalysis.known(analysis), DEFAULT_POLICY, fixed_level=_LEVEL).plan)
    return heard - started, time.process_time() - started
