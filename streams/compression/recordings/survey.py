"""The first pass over a recording: decodes all of it, and finds out what the choice of an encoder depends on."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from schemas.rejection import Rejection
from streams.analysis.analysis import Analysis, LazyAnalysis
from streams.analysis.recording import (
    NO_SAMPLES,
    RecordingAnalysis,
    Segment,
    SegmentAnalysis,
    analyse_segment,
    origin_of,
    segments,
)
from streams.audio import ClipMetadata, DecodeLimits
from streams.audio.blocks import AudioBlocks
from streams.codecs import opus
from streams.codecs.recordings import Recording, RunChunks
from streams.codecs.recordings.base import Samples

#: What a recording may have at most: 100 hours of a call with two channels at 8 kHz.
RECORDING_LIMITS = DecodeLimits(max_pcm_bytes=100 * 3600 * 8000 * 2 * 2)


class RefusedError(Exception):
    """Ends a pass over a recording, because its audio cannot be decoded."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first pass found.

    Attributes:
        metadata: The recording's properties.
        analysis: Its content; the G.711 law alone where nothing else is needed.
        recording: What encoders need.
    """

    metadata: ClipMetadata
    analysis: LazyAnalysis
    recording: Recording


def survey(audio: AudioBlocks, run_chunks: RunChunks, on_block: Callable[[Samples], None], *, whole: bool) -> Survey:
    """Decode a recording once.

    Args:
        audio: The recording.
        run_chunks: Runs the analyses of its segments.
        on_block: Called with each block.
        whole: Whether more is needed than the G.711 law.

    Raises:
        RefusedError: If the audio cannot be decoded.
    """
    digest = hashlib.sha256()
    frames = 0

    def blocks() -> Iterator[Samples]:
        nonlocal frames
        for block in samples_of(audio):
            on_block(block)
            frames += len(block)
            digest.update(np.ascontiguousarray(block).reshape(-1).astype("<i2", copy=False).data)
            yield block

    parts = segments(blocks(), audio.rate)
    found = _analysed(parts, run_chunks, audio.channels) if whole else _origin(parts, run_chunks)
    duration_ms = round(frames * 1000 / audio.rate)
    metadata = ClipMetadata(audio.rate, audio.channels, duration_ms, audio.source, digest.hexdigest())
    analysis, loudness_db = found
    recording = Recording(audio.rate, audio.channels, frames, metadata.pcm_sha256, loudness_db)
    return Survey(metadata, analysis, recording)


def samples_of(audio: AudioBlocks) -> Iterator[Samples]:
    """The samples of all blocks.

    Raises:
        RefusedError: If they end with a rejection.
    """
    for block in audio.blocks:
        if isinstance(block, Rejection):
            raise RefusedError(block)
        yield block


_Loudness = tuple[tuple[float, float], ...]


def _analysed(parts: Iterator[Segment], run_chunks: RunChunks, channels: int) -> tuple[LazyAnalysis, tuple[float, ...]]:
    together = RecordingAnalysis()
    sums = np.zeros((channels, 2))
    for analysis, loudness in run_chunks(_analyse, parts):
        together.add(analysis)
        sums += loudness
    loudness_db = tuple(float(weighted / weights) if weights else 0.0 for weighted, weights in sums)
    return LazyAnalysis(together.origin, together.analysis), loudness_db


def _analyse(segment: Segment) -> tuple[SegmentAnalysis, _Loudness]:
    loudness = tuple(opus.loudness(np.ascontiguousarray(channel), segment.rate) for channel in segment.own.T)
    return analyse_segment(segment), loudness


def _origin(parts: Iterator[Segment], run_chunks: RunChunks) -> tuple[LazyAnalysis, tuple[float, ...]]:
    origin = sum(run_chunks(origin_of, parts), NO_SAMPLES)
    return LazyAnalysis(lambda: origin.law, _not_needed), ()


def _not_needed() -> Analysis:
    raise RuntimeError("the analysis of a recording was not made, and is needed")
