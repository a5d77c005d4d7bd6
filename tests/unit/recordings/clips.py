"""Recordings, and the results that the same audio has as a clip."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from schemas import Rejection
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip, decode
from streams.codecs import Encoded
from streams.codecs.recordings import RunChunks
from streams.compression import DEFAULT_POLICY, Decision, Policy, choose, encode, kept_reason, smallest
from streams.compression.recordings import CompressedRecording, compress_recording
from tests.support import telephony
from tests.support.signals import clip_of, media_type_of

RAW, WAV = "audio/x-slin;rate={}", "audio/wav"


class Result(NamedTuple):
    """The result for a recording, and its file."""

    recording: CompressedRecording
    audio: bytes

    @property
    def decoded(self) -> Clip:
        """The audio of the file."""
        return decoded(self.audio, self.recording.encoded.content_type)


def decoded(audio: bytes, label: str) -> Clip:
    clip = decode(audio, media_type_of(label))
    assert isinstance(clip, Clip), clip
    return clip


def talk(frames: int, rate: int = 8000, channels: int = 1, seed: int = 0) -> Clip:
    """Syllables over a faint noise, of an exact length; the second channel talks when the first one does not."""
    time = np.arange(frames) / rate
    sides = []
    for channel in range(channels):
        syllables = np.maximum(np.sin(3 * time + np.pi * channel), 0) * np.sin(time * 700 * np.pi) * 8000
        sides.append(syllables + telephony.noise(frames / rate, 30, rate, seed + channel)[:frames])
    return clip_of(np.rint(np.stack(sides, axis=1)).astype(np.int16), rate)


def slin(clip: Clip) -> tuple[bytes, str]:
    """A clip as raw audio, and its label."""
    return clip.samples.tobytes(), f"audio/x-slin;rate={clip.rate};channels={clip.channels}"


def compress(
    folder: Path, audio: bytes, label: str, *, run_chunks: RunChunks = map, **options: Any
) -> Result | Rejection:
    """Compress a recording."""
    source, output = folder / "input", folder / "output"
    source.write_bytes(audio)
    options.setdefault("policy", DEFAULT_POLICY)
    found = compress_recording(source, media_type_of(label), output, run_chunks=run_chunks, **options)
    return found if isinstance(found, Rejection) else Result(found, output.read_bytes())


def compressed(folder: Path, audio: bytes, label: str, **options: Any) -> Result:
    """Compress a recording that is not refused."""
    result = compress(folder, audio, label, **options)
    assert isinstance(result, Result), result
    return result


def as_clip(
    audio: bytes, label: str, *, policy: Policy = DEFAULT_POLICY, level: int | None
) -> tuple[Decision, Encoded]:
    """The decision and the file for a clip."""
    clip = decoded(audio, label)
    decision = choose(clip, analyse_lazily(clip), policy, fixed_level=level, input_bytes=len(audio))
    encoded = encode(clip, decision.plan)
    true_type = clip.source.corrected or media_type_of(label)
    best = smallest(encoded, clip, audio, true_type, policy, input_quality=decision.plan.input_quality)
    return (decision if best == encoded else Decision(decision.plan, kept_reason(clip.source))), best
