"""Size, speed and quality of every level in every format that it can have."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import numpy as np

from schemas.policy import FLAC, MPEG, OPUS, VORBIS, WAV
from scripts.benchmarks.codecs.bare import bare_call
from scripts.benchmarks.codecs.parallel import spread
from scripts.benchmarks.codecs.pesq_score import score
from scripts.benchmarks.codecs.variants import companded, paused
from scripts.benchmarks.corpus import Named
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip
from streams.codecs import Encoder
from streams.codecs.base import LOSSLESS
from streams.compression import Policy, choose

_LOSSLESS, _LOSSY = (1, 2), (3, 4, 5)
_FORMATS = {
    "flac": (FLAC,),
    "wav": (WAV,),
    "opus": (OPUS,),
    "vorbis": (VORBIS,),
    "mp3": (MPEG,),
    "wav or flac": (WAV, FLAC),
}
_COMBINATIONS = (
    *((level, name) for level in _LOSSLESS for name in ("flac", "wav")),
    *((level, name) for level in _LOSSY for name in ("opus", "vorbis", "mp3")),
)
_PREFERRED_FOR_G711 = ((1, "wav"), (2, "wav or flac"), *((level, "opus") for level in _LOSSY))
_REPEATS = 3  # repetitions; the fastest counts, because other programs can only add time


@dataclass(frozen=True, slots=True)
class Row:
    """One level in one format.

    Attributes:
        content: ``speech``, ``G.711`` (the same speech through µ-law), ``pauses`` (the same with as much silence) or
            ``music``.
        level: 1 to 5.
        format: ``flac``, ``wav``, ``wav or flac`` (the smaller), ``opus``, ``vorbis`` or ``mp3``.
        codec: The codec of most of the clips.
        ratio: Bytes as linear 16-bit samples over bytes of the files, all clips together.
        speed: Seconds of audio encoded in a second of one core.
        bare_speed: The same for the plain library call.
        pesq_mean: Mean of PESQ-NB; None where nothing is lost.
        pesq_p10: Its tenth percentile.
        predicted_mean: Mean of the predictions for the same clips.
        prediction_error: Mean absolute difference of prediction and PESQ.
    """

    content: str
    level: int
    format: str
    codec: str
    ratio: float
    speed: float
    bare_speed: float
    pesq_mean: float | None
    pesq_p10: float | None
    predicted_mean: float | None
    prediction_error: float | None


@dataclass(frozen=True, slots=True)
class Bench:
    """A row to be measured.

    Attributes:
        content: What the clips are.
        level: 1 to 5.
        format: As in `Row`.
        clips: The audio.
    """

    content: str
    level: int
    format: str
    clips: Sequence[Named]


@dataclass(frozen=True, slots=True)
class _Result:
    """The measurements of one clip: sizes in bytes, times in seconds of one core."""

    codec: str
    bytes_in: int
    bytes_out: int
    audio_s: float
    encode_s: float
    bare_s: float
    predicted: float
    pesq: float | None


def benches(speech: Sequence[Named], music: Sequence[Named], levels: Sequence[int]) -> list[Bench]:
    """The rows of these levels: speech in all formats, other content in its preferred formats."""
    telephony = [(name, companded(clip)) for name, clip in speech]
    calls = [(name, paused(clip)) for name, clip in speech]
    found = [
        *(Bench("speech", level, name, speech) for level, name in _COMBINATIONS),
        *(Bench("G.711", level, name, telephony) for level, name in _PREFERRED_FOR_G711),
        *(Bench("pauses", level, "opus", calls) for level in _LOSSY),
        *(Bench("music", level, "opus" if level in _LOSSY else "flac", music) for level in (*_LOSSLESS, *_LOSSY)),
    ]
    return [bench for bench in found if bench.level in levels]


def measure(bench: Bench, advance: Callable[[], None]) -> Row:
    """Measure one row, on all cores; time is counted per process.

    Args:
        bench: What to measure.
        advance: Called after each clip.
    """
    work = partial(_measure, bench.level, bench.format)
    results = list(spread(work, [clip for _, clip in bench.clips], advance))
    audio_s = sum(result.audio_s for result in results)
    scored = [(result.pesq, result.predicted) for result in results if result.pesq is not None]
    scores = [pesq for pesq, _ in scored]
    return Row(
        content=bench.content,
        level=bench.level,
        format=bench.format,
        codec=Counter(result.codec for result in results).most_common(1)[0][0],
        ratio=sum(result.bytes_in for result in results) / sum(result.bytes_out for result in results),
        speed=audio_s / sum(result.encode_s for result in results),
        bare_speed=audio_s / sum(result.bare_s for result in results),
        pesq_mean=fmean(scores) if scores else None,
        pesq_p10=float(np.percentile(scores, 10)) if scores else None,
        predicted_mean=fmean(predicted for _, predicted in scored) if scored else None,
        prediction_error=fmean(abs(pesq - predicted) for pesq, predicted in scored) if scored else None,
    )


def _measure(level: int, name: str, clip: Clip) -> _Result:
    policy = Policy(version=0, accept=_FORMATS[name])
    plan = choose(clip, analyse_lazily(clip), policy, fixed_level=level).plan
    files = [encoder.encode(clip) for encoder in plan.encoders]  # which also warms up
    smallest = min(range(len(files)), key=lambda index: len(files[index].audio))
    predicted = plan.qualities[smallest]
    encode_s, bare_s = _times(plan.encoders, clip)
    return _Result(
        codec=files[smallest].codec,
        bytes_in=clip.samples.nbytes,
        bytes_out=len(files[smallest].audio),
        audio_s=clip.frames / clip.rate,
        encode_s=encode_s,
        bare_s=bare_s,
        predicted=predicted,
        pesq=None if predicted == LOSSLESS else score(clip, files[smallest].audio),
    )


def _times(encoders: Sequence[Encoder], clip: Clip) -> tuple[float, float]:
    """Seconds of the product's encoders and of the plain calls, which alternate: load on the machine affects both."""
    ours, bare = [], []
    for _ in range(_REPEATS):
        started = time.process_time()
        for encoder in encoders:
            encoder.encode(clip)
        between = time.process_time()
        for encoder in encoders:
            bare_call(encoder, clip)
        ours.append(between - started)
        bare.append(time.process_time() - between)
    return min(ours), min(bare)
