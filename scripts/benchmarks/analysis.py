"""Measures the audio analysis on recordings: corrected labels of raw audio, and classified kinds of sound."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from schemas.media_type import L16, PCMA, PCMU, SLIN, MediaType
from scripts.benchmarks.codecs import dtmf
from scripts.benchmarks.corpus import Corpus, Named
from scripts.tables import ReportTable
from streams.analysis.analysis import analyse
from streams.audio import Clip, SourceFormat, g711
from streams.audio.labels import true_media_type

_TYPES = (L16, SLIN, PCMU, PCMA)
_QUIETEST_DBFS = -47.0  # softer parts are pauses
_CLIPPED_GAIN = 12.0  # 22 dB: half of the samples end at full scale
_RATE = 8000  # Hz
_MACHINES_S = 2.0
_RAW = SourceFormat("raw", "pcm")

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Labels:
    """Results of the label check, over all four raw types under all four labels.

    Attributes:
        content: The kind of audio.
        right: Right labels.
        altered: Number of right labels that were changed: each destroys a clip.
        wrong: Wrong labels.
        corrected: Number of wrong labels that were corrected.
        another: Number of wrong labels that were changed to another wrong one.
    """

    content: str
    right: int
    altered: int
    wrong: int
    corrected: int
    another: int


@dataclass(frozen=True, slots=True)
class Kinds:
    """Classification of clips.

    Attributes:
        content: Their true kind.
        clips: Number of clips.
        heard: Number of clips classified as each kind.
    """

    content: str
    clips: int
    heard: dict[str, int]


@dataclass(slots=True)
class AnalysisBenchmark:
    """All results; rows are added as they are ready."""

    origin: str
    labels: list[Labels] = field(default_factory=list)
    kinds: list[Kinds] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The results as JSON."""
        return {"corpus": self.origin, "labels": [*map(asdict, self.labels)], "kinds": [*map(asdict, self.kinds)]}

    def tables(self) -> Iterator[Table]:
        """The results as tables."""
        table = ReportTable(title="labels of raw audio")
        for name in ("content", "right", "altered", "wrong", "corrected", "", "to another"):
            table.add_column(name, justify="left" if name == "content" else "right")
        for row in self.labels:
            share = f"{row.corrected / row.wrong:.2%}" if row.wrong else ""
            table.add_row(
                row.content, *map(str, (row.right, row.altered, row.wrong, row.corrected, share, row.another))
            )
        yield table
        table = ReportTable("content", "clips", "heard as", title="kinds of sound")
        for kinds in self.kinds:
            heard = ", ".join(f"{kind} {count}" for kind, count in kinds.heard.items())
            table.add_row(kinds.content, str(kinds.clips), heard)
        yield table


def measure(found: Corpus, advance: Callable[[], None]) -> AnalysisBenchmark:
    """Analyse all clips.

    Args:
        found: Prompts and hold music.
        advance: Called after each of `steps`.
    """
    benchmark = AnalysisBenchmark(found.origin)
    for content, clips in _labelled(found).items():
        benchmark.labels.append(_labels(content, clips, recorded=content not in _machines()))
        advance()
    for content, clips in _clips_by_content(found).items():
        kinds = Counter(analyse(clip).kind for clip in clips)
        benchmark.kinds.append(Kinds(content, len(clips), dict(kinds.most_common())))
        advance()
    return benchmark


def steps(found: Corpus) -> int:
    """How often `measure` calls ``advance``."""
    return len(_labelled(found)) + len(_clips_by_content(found))


def _labelled(found: Corpus) -> dict[str, list[Clip]]:
    speech = _cut(found.speech, 1.0)
    silent = [np.zeros_like(clip.samples) for clip in speech]
    return {
        "speech, 1 s": speech,
        "speech, 0.25 s": _cut(found.speech, 0.25),
        "speech, half of it clipped": [_raw(clip.samples * _CLIPPED_GAIN) for clip in speech],
        "speech beside silence": [
            _raw(np.hstack([clip.samples, quiet])) for clip, quiet in zip(speech, silent, strict=True)
        ],
        "silence beside speech": [
            _raw(np.hstack([quiet, clip.samples])) for clip, quiet in zip(speech, silent, strict=True)
        ],
        "both sides alike": [_raw(np.hstack([clip.samples, clip.samples])) for clip in speech],
        "two sides": [_raw(np.hstack([a.samples, b.samples])) for a, b in zip(speech[::2], speech[1::2], strict=False)],
        "music, 1 s": _cut(found.music, 1.0),
        "music, 0.25 s": _cut(found.music, 0.25),
        **_machines(),
    }


def _clips_by_content(found: Corpus) -> dict[str, list[Clip]]:
    return {"prompts": [clip for _, clip in found.speech], "music": [clip for _, clip in found.music], **_machines()}


def _labels(content: str, clips: Sequence[Clip], *, recorded: bool) -> Labels:
    outcomes: Counter[str] = Counter()
    for clip, truth, name in product(clips, _TYPES, _TYPES):
        right = name == truth
        if right or (recorded and _level_dbfs(clip) >= _QUIETEST_DBFS):
            label = MediaType(name, (("rate", str(clip.rate)), ("channels", str(clip.channels))))
            heard = true_media_type(_as(truth, clip.samples), label).type
            outcomes["right" if right else "wrong"] += 1
            if heard != name:
                outcomes["altered" if right else "corrected" if heard == truth else "another"] += 1
    return Labels(content, *(outcomes[name] for name in ("right", "altered", "wrong", "corrected", "another")))


def _as(name: str, samples: Samples) -> bytes:
    if name in {L16, SLIN}:
        return samples.astype(">i2" if name == L16 else "<i2").tobytes()
    return g711.encode(samples, "pcmu" if name == PCMU else "pcma").tobytes()


def _cut(clips: Sequence[Named], seconds: float) -> list[Clip]:
    """A part of each clip at a fixed random position."""
    chance = np.random.default_rng(1)
    parts = []
    for _, clip in clips:
        length = round(seconds * clip.rate)
        start = int(chance.integers(0, clip.frames - length + 1))
        parts.append(Clip.of(clip.samples[start : start + length], clip.rate, clip.source))
    return parts


def _machines() -> dict[str, list[Clip]]:
    """Telephone signals besides speech, at usual levels."""
    time = np.arange(round(_MACHINES_S * _RATE)) / _RATE
    chance = np.random.default_rng(1)
    levels = [32_768 * 10 ** (dbfs / 20) for dbfs in (-40, -30, -20, -10, -3)]

    def tones(*pairs: tuple[float, ...]) -> list[Clip]:
        return [
            _raw(level * np.sum([np.sin(2 * np.pi * hertz * time) for hertz in pair], axis=0) / len(pair))
            for pair, level in product(pairs, levels)
        ]

    return {
        "call progress": tones((350, 440), (480, 620), (440, 480), (425,), (400, 450), (1000,)),
        "DTMF": [dtmf.digits(key * 8, level_dbfs=level) for key, level in product(dtmf.KEYS, (-30, -20, -10))],
        "fax calling and called": tones((1100,), (2100,)),
        "noise": [_raw(level * chance.standard_normal(len(time))) for level in levels],
        "silence": [_raw(level * chance.standard_normal(len(time))) for level in (0, 0.5, 1, 3, 10)],
    }


def _raw(samples: NDArray[np.floating]) -> Clip:
    return Clip.of(np.clip(np.rint(samples), -32768, 32767).astype(np.int16), _RATE, _RAW)


def _level_dbfs(clip: Clip) -> float:
    return 20 * float(np.log10(max(clip.samples.astype(np.float64).std(), 1e-9) / 32_768))
