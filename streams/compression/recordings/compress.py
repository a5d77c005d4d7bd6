"""Compresses one recording: a first pass decides how, a second one encodes. Both decode it, chunk by chunk."""

import filecmp
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from schemas.media_type import MediaType
from schemas.policy import Policy
from schemas.rejection import Rejection
from streams.audio import ClipMetadata, DecodeLimits
from streams.audio.blocks import AudioBlocks
from streams.audio.containers.content import FileContent
from streams.audio.decode import open_blocks
from streams.codecs import Encoded, Encoder, WavEncoder
from streams.codecs.recordings import RunChunks, description, write_recording
from streams.codecs.recordings.base import Samples
from streams.compression.compress import fits, kept_reason
from streams.compression.load import NO_PRESSURE, Pressure
from streams.compression.plan import Decision, Plan, choose, is_lossless
from streams.compression.recordings.kept_input import instead, write_input
from streams.compression.recordings.survey import RECORDING_LIMITS, RefusedError, Survey, samples_of, survey

#: Begins to decode an open file: its descriptor, the sender's label, the limits, and what is called several times in
#: each second while a decoder is waited for, with whether it has read on, and may raise.
OpenAudio = Callable[[int, MediaType, DecodeLimits, Callable[[bool], None]], AudioBlocks | Rejection]


class RecordingCancelledError(Exception):
    """The caller no longer wants the result."""


@dataclass(frozen=True, slots=True)
class CompressedRecording:
    """A compressed recording, whose file the caller has.

    Attributes:
        metadata: Rate, channels, duration, source format and digest of the decoded audio.
        decision: The plan, and the reason for it.
        encoded: The properties of the file, without its bytes.
        size: Size of the file in bytes.
        sha256: Hex digest of the file.
    """

    metadata: ClipMetadata
    decision: Decision
    encoded: Encoded
    size: int
    sha256: str


def open_in_process(
    descriptor: int,
    media_type: MediaType,
    limits: DecodeLimits,
    on_wait: Callable[[bool], None],  # noqa: ARG001 - nothing is waited for
) -> AudioBlocks | Rejection:
    """Decode in this process: for raw audio, which needs no parser, and for files that are trusted."""
    return open_blocks(FileContent(descriptor), media_type, limits)


def compress_recording(
    source: Path,
    media_type: MediaType,
    output: Path,
    *,
    policy: Policy,
    level: int | None = None,
    pressure: Pressure = NO_PRESSURE,
    limits: DecodeLimits = RECORDING_LIMITS,
    open_audio: OpenAudio = open_in_process,
    run_chunks: RunChunks = map,
    progress: Callable[[float, float | None], None] = lambda done, total: None,  # noqa: ARG005 - a default
    cancelled: Callable[[], bool] = lambda: False,
) -> CompressedRecording | Rejection:
    """Compress a recording of any length, by the rules that apply to clips.

    Memory is bounded by the number of chunks that `run_chunks` takes ahead. The result depends on the input, the
    policy, the level and the pressure only, not on the number of threads. There may be temporary files beside `output`
    while it runs.

    Args:
        source: The input; it must not change meanwhile.
        media_type: The sender's label.
        output: Where the result is written; incomplete and of no use if there is none.
        policy: The hotel's policy.
        level: 1 to 5 to fix the level, or None for automatic.
        pressure: The present pressure of the `LoadGovernor`.
        limits: Limits of the decoded audio.
        open_audio: Begins to decode; `DecoderSandbox.open_recording` for inputs of strangers.
        run_chunks: Runs the jobs of chunks, such as `in_threads`; `map` runs them in this thread.
        progress: Called with the seconds of audio that are done and, in the second pass, their total; with 0 while
            more and more of a file is read before its audio comes.
        cancelled: Asked several times in each second whether to give up.

    Returns:
        The result, or the same `Rejection` that a clip would get.

    Raises:
        RecordingCancelledError: If it was cancelled.
    """
    with source.open("rb") as opened:
        job = _Job(opened.fileno(), media_type, policy, limits, open_audio, run_chunks, progress, cancelled)
        try:
            found = job.survey(whole=not is_lossless(policy, level))
            input_bytes = os.fstat(opened.fileno()).st_size
            decision = choose(found.metadata, found.analysis, policy, pressure, level, input_bytes=input_bytes)
            encoded, decision = job.write(found, decision, output)
        except RefusedError as refused:
            return refused.rejection
    return CompressedRecording(found.metadata, decision, encoded, output.stat().st_size, _sha256(output))


@dataclass(frozen=True, slots=True)
class _Job:
    """One recording, and how to work on it; see `compress_recording`."""

    descriptor: int
    media_type: MediaType
    policy: Policy
    limits: DecodeLimits
    open_audio: OpenAudio
    run_chunks: RunChunks
    progress: Callable[[float, float | None], None]
    cancelled: Callable[[], bool]

    def survey(self, *, whole: bool) -> Survey:
        """Make the first pass."""
        with closing(self._open(None)) as audio:
            return survey(audio, self.run_chunks, self._progress(audio.rate, None), whole=whole)

    def write(self, found: Survey, decision: Decision, output: Path) -> tuple[Encoded, Decision]:
        """Make the second pass; returns the properties of the file, and the reason for it."""
        encoded = self._smallest(found, decision.plan, output)
        media_type = found.metadata.source.corrected or self.media_type
        original, size = FileContent(self.descriptor), output.stat().st_size
        if fits(encoded, size, found.metadata, original, media_type=media_type, policy=self.policy):
            return encoded, decision
        kept = instead(encoded, size, found, media_type, self.policy, input_quality=decision.plan.input_quality)
        if kept is None:
            return encoded, decision
        other = _beside(output, "kept")
        with other.open("wb+") as file:
            written = write_input(original, kept, found, file)
        if not written:
            self._encode(WavEncoder("pcm"), found, other)
        if kept != encoded or not filecmp.cmp(output, other, shallow=False):
            decision = Decision(decision.plan, kept_reason(found.metadata.source))
        other.replace(output)
        return kept, decision

    def _smallest(self, found: Survey, plan: Plan, output: Path) -> Encoded:
        """Encode with all encoders of the plan, and keep the smallest file, the first among equals."""
        best = 0
        for number, encoder in enumerate(plan.encoders):
            other = _beside(output, str(number))
            self._encode(encoder, found, other if number else output)
            if number and other.stat().st_size < output.stat().st_size:
                other.replace(output)
                best = number
            other.unlink(missing_ok=True)
        encoded = description(plan.encoders[best])
        return encoded.with_quality(round(plan.qualities[best], 2)) if plan.qualities else encoded

    def _encode(self, encoder: Encoder, found: Survey, output: Path) -> None:
        total = found.recording.frames / found.recording.rate
        with closing(self._open(total)) as audio, output.open("wb+") as file:
            blocks = self._counted(audio, found)
            write_recording(encoder, found.recording, blocks, file, self.run_chunks)

    def _counted(self, audio: AudioBlocks, found: Survey) -> Iterator[Samples]:
        on_block = self._progress(audio.rate, found.recording.frames / audio.rate)
        frames = 0
        for block in samples_of(audio):
            on_block(block)
            frames += len(block)
            yield block
        if frames != found.recording.frames:
            raise RuntimeError(f"{frames} frames came in the second pass, and {found.recording.frames} in the first")

    def _open(self, total: float | None) -> AudioBlocks:
        has_begun = False

        def on_wait(has_read: bool) -> None:
            self._check()
            if has_read and not has_begun:
                self.progress(0.0, total)

        audio = self.open_audio(self.descriptor, self.media_type, self.limits, on_wait)
        has_begun = True
        if isinstance(audio, Rejection):
            raise RefusedError(audio)
        return audio

    def _progress(self, rate: int, total: float | None) -> Callable[[Samples], None]:
        frames = 0

        def on_block(block: Samples) -> None:
            nonlocal frames
            self._check()
            frames += len(block)
            self.progress(frames / rate, total)

        return on_block

    def _check(self) -> None:
        if self.cancelled():
            raise RecordingCancelledError


def _beside(output: Path, suffix: str) -> Path:
    """A temporary file that replaces the output, or is removed."""
    return output.with_name(f"{output.name}.{suffix}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
