"""What each side of a call gets at the lossy levels, compared with what was predicted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from schemas.media_type import L16, MediaType
from scripts.benchmarks.codecs import calls
from scripts.benchmarks.codecs.parallel import spread
from scripts.benchmarks.codecs.pesq_score import scores
from scripts.benchmarks.corpus import Corpus
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip, decode
from streams.codecs import Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder
from streams.compression import DEFAULT_POLICY, choose, encode, smallest

LEVELS = (3, 4, 5)
_SENT: dict[str, Encoder] = {
    "MP3 of 24 kbit/s": Mp3Encoder(24_000),
    "MP3 of 64 kbit/s": Mp3Encoder(64_000),
    "Vorbis, quality 0.6": VorbisEncoder(0.6),
    "Opus of 24 kbit/s": OpusEncoder(24_000),
    "our own level 3": OpusEncoder(11_400, shaped=True),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A call to be compressed.

    Attributes:
        content: Its kind.
        level: 3 to 5.
        clip: What was said.
        sent_as: The encoder of its sender; None for linear samples.
    """

    content: str
    level: int
    clip: Clip
    sent_as: Encoder | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A compressed call.

    Attributes:
        codec: Of the result.
        kept: Whether the result is the input.
        scores: PESQ of each side that PESQ finds speech in.
        predicted: ``ce_quality``.
        linear_bytes: Size as linear samples.
        result_bytes: Size of the result.
    """

    codec: str
    kept: bool
    scores: Sequence[float]
    predicted: float
    linear_bytes: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of content at one level.

    Attributes:
        content: Its kind.
        level: 3 to 5.
        codecs: Of the results, with `` kept`` where they are the inputs.
        pesq_mean: Mean of PESQ-NB of all sides.
        pesq_p10: Its tenth percentile.
        worse_mean: Mean of the worse side of each call.
        predicted_mean: Mean of the predictions, which are for the worse side.
        ratio: Bytes as linear 16-bit samples over bytes of the results.
    """

    content: str
    level: int
    codecs: str
    pesq_mean: float
    pesq_p10: float
    worse_mean: float
    predicted_mean: float
    ratio: float


def cases(found: Corpus, count: int, levels: Sequence[int] = LEVELS) -> list[Case]:
    """Make the calls: so many of each kind, the same ones at each level."""
    material = calls.Material(found)
    made = [(content, None, make(material)) for content, make in calls.CONTENTS.items() for _ in range(count)]
    sent = [(content, encoder, calls.voice(material)) for content, encoder in _SENT.items() for _ in range(count)]
    return [Case(content, level, clip, encoder) for content, encoder, clip in (*made, *sent) for level in levels]


def measure(given: Sequence[Case], advance: Callable[[], None]) -> list[Row]:
    """Compress and score all calls, on all cores.

    Args:
        given: From `cases`.
        advance: Called after each.
    """
    grouped: dict[tuple[str, int], list[Measured]] = {}
    for case, measured in zip(given, spread(compressed, given, advance), strict=True):
        grouped.setdefault((case.content, case.level), []).append(measured)
    return [_row(content, level, group) for (content, level), group in grouped.items()]


def compressed(case: Case) -> Measured:
    """Compress a call as a worker does for a hotel without a policy, and score it against what was said."""
    clip, audio = case.clip, case.clip.samples.astype(">i2").tobytes()
    media_type = MediaType(L16, (("rate", str(clip.rate)), ("channels", str(clip.channels))))
    if case.sent_as is not None:
        file = case.sent_as.encode(clip)
        audio, media_type = file.audio, _parsed(file.content_type)
        decoded = decode(audio, media_type)
        assert isinstance(decoded, Clip)  # noqa: S101 - our own file
        clip = decoded
    plan = choose(clip, analyse_lazily(clip), DEFAULT_POLICY, fixed_level=case.level, input_bytes=len(audio)).plan
    encoded = encode(clip, plan)
    result = smallest(encoded, clip, audio, media_type, input_quality=plan.input_quality)
    found = [value for value in scores(case.clip, result.audio) if value is not None]
    kept = result.audio == audio
    return Measured(result.codec, kept, found, result.quality, case.clip.samples.nbytes, len(result.audio))


def _parsed(label: str) -> MediaType:
    media_type = MediaType.parse(label)
    assert isinstance(media_type, MediaType)  # noqa: S101 - our own label
    return media_type


def _row(content: str, level: int, group: Sequence[Measured]) -> Row:
    every = [score for measured in group for score in measured.scores]
    names = {f"{measured.codec} kept" if measured.kept else measured.codec for measured in group}
    return Row(
        content,
        level,
        ", ".join(sorted(names)),
        fmean(every),
        float(np.percentile(every, 10)),
        fmean(min(measured.scores) for measured in group if measured.scores),
        fmean(measured.predicted for measured in group),
        sum(measured.linear_bytes for measured in group) / sum(measured.result_bytes for measured in group),
    )
