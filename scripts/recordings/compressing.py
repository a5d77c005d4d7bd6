"""Compresses recordings in parallel, as a worker would."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from schemas import Policy
from scripts.cli import progress_bar
from scripts.recordings.finding import Failed, Recording
from scripts.recordings.reading import content, decoded, decoders, guarded
from streams.analysis.analysis import LazyAnalysis, analyse_lazily
from streams.audio import Clip
from streams.codecs import Encoded
from streams.compression import choose, encode, kept_reason, smallest
from streams.sandbox import DecoderSandbox

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Source:
    """A recording that was read.

    Attributes:
        recording: The file.
        audio: Its bytes.
        clip: Its decoded audio.
        analysis: Its audio analysis, computed once.
    """

    recording: Recording
    audio: bytes
    clip: Clip
    analysis: LazyAnalysis


@dataclass(frozen=True, slots=True)
class CompressedFile:
    """The result of one file.

    Attributes:
        recording: The file.
        bytes_in: Its size.
        duration_ms: Its length in milliseconds.
        level: 1 to 5.
        encoded: The result.
        reason: The reason for the choice.
    """

    recording: Recording
    bytes_in: int
    duration_ms: int
    level: int
    encoded: Encoded
    reason: str


def compress(source: Source, policy: Policy, level: int | None = None) -> CompressedFile:
    """Compress one recording as a worker without load would.

    Args:
        source: The recording.
        policy: The policy.
        level: 1 to 5 to fix the level, or None for automatic.
    """
    clip = source.clip
    decision = choose(clip, source.analysis, policy, fixed_level=level, input_bytes=len(source.audio))
    encoded = encode(clip, decision.plan)
    media_type = clip.source.corrected or source.recording.media_type
    best = smallest(encoded, clip, source.audio, media_type, policy, input_quality=decision.plan.input_quality)
    reason = decision.reason if best is encoded else kept_reason(clip.source)
    size = len(source.audio)
    return CompressedFile(source.recording, size, clip.duration_ms, decision.plan.level, best, reason)


def each(recordings: Sequence[Recording], work: Callable[[Source], _Result | Failed]) -> list[_Result | Failed]:
    """Read all recordings and do something with each, in parallel, with a progress bar.

    Returns:
        Results in the order of the recordings.

    Raises:
        CommandError: If decoders cannot be started.
    """
    threads = min(os.cpu_count() or 1, max(len(recordings), 1))
    with decoders(threads) as sandbox, ThreadPoolExecutor(threads) as pool, progress_bar() as progress:
        bar = progress.add_task("files", total=len(recordings))

        def one(recording: Recording) -> _Result | Failed:
            source = _read(recording, sandbox)
            outcome = source if isinstance(source, Failed) else guarded(recording, lambda: work(source))
            progress.advance(bar)
            return outcome

        try:
            return list(pool.map(one, recordings))
        except BaseException:  # such as Ctrl-C: those that have begun are finished, and no more are begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read(recording: Recording, sandbox: DecoderSandbox) -> Source | Failed:
    audio = content(recording)
    if isinstance(audio, Failed):
        return audio
    clip = decoded(recording, audio, sandbox)
    if isinstance(clip, Failed):
        return clip
    lazy = analyse_lazily(clip)
    return Source(recording, audio, clip, LazyAnalysis(cache(lazy.origin), cache(lazy.analyse)))
