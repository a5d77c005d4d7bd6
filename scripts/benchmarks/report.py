"""The bench's tables, on a console and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from rich.table import Table

from scripts.benchmarks.codecs.automatic import Choice
from scripts.benchmarks.codecs.clip_timing import SECONDS, ClipTiming
from scripts.benchmarks.codecs.codecs import Row
from scripts.benchmarks.codecs.digit_survival import DigitSurvival
from scripts.benchmarks.corpus import Corpus
from scripts.tables import ReportTable

_CONTENTS = {"rows": "speech", "g711": "G.711", "pauses": "pauses", "music": "music"}
_PREDICTIONS = ("predicted_mean", "prediction_error")


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured.

    Attributes:
        corpus: The measured audio.
        rows: Levels in formats.
        choices: The automatic choice over a mixture.
        dialled: DTMF digits after coding.
        timing: Processing time of a clip.
    """

    corpus: Corpus
    rows: Sequence[Row]
    choices: Sequence[Choice]
    dialled: Sequence[DigitSurvival]
    timing: ClipTiming

    def as_json(self) -> dict[str, object]:
        """Speech under ``rows``; the same through G.711, with pauses, and music beside it, in the same form."""
        return {
            "corpus": self.corpus.origin,
            "prompts": len(self.corpus.speech),
            **{
                key: [_measured(row) for row in self.rows if row.content == content]
                for key, content in _CONTENTS.items()
            },
            "predictions": [_predicted(row) for row in self.rows if row.prediction_error is not None],
            "automatic": [asdict(choice) for choice in self.choices],
            "dtmf": [asdict(dialled) for dialled in self.dialled],
            "clip": {"seconds": SECONDS, **asdict(self.timing)},
        }

    def tables(self) -> Iterator[Table]:
        """The results as tables."""
        yield self._levels()
        yield self._automatic()
        yield self._others()

    def _levels(self) -> Table:
        table = _table(
            f"{len(self.corpus.speech)} prompts, {len(self.corpus.music)} excerpts of music",
            (
                "content",
                "level",
                "format",
                "ratio",
                "x real time",
                "bare",
                "share",
                "PESQ",
                "p10",
                "predicted",
                "error",
            ),
            keys=3,
        )
        for row in self.rows:
            table.add_row(
                row.content,
                str(row.level),
                row.format,
                f"{row.ratio:.2f}",
                f"{row.speed:.0f}",
                f"{row.bare_speed:.0f}",
                f"{row.speed / row.bare_speed:.2f}",
                *map(_score, (row.pesq_mean, row.pesq_p10, row.predicted_mean, row.prediction_error)),
            )
        return table

    def _automatic(self) -> Table:
        table = _table("automatic choice, no policy", ("content", "clips", "mean ratio", "of all bytes"))
        for choice in self.choices:
            table.add_row(choice.content, str(choice.clips), f"{choice.mean_ratio:.2f}", f"{choice.total_ratio:.2f}")
        return table

    def _others(self) -> Table:
        timing = self.timing
        table = _table("and", ("what", "figure"))
        table.add_row(f"{SECONDS} s of speech at level 3, median of {timing.clips}", f"{timing.median_ms:.1f} ms")
        table.add_row("  ninetieth percentile", f"{timing.p90_ms:.1f} ms")
        table.add_row("  of which analysis", f"{timing.analysis_ms:.1f} ms")
        digits, heard = (sum(getattr(found, name) for found in self.dialled) for name in ("digits", "heard"))
        table.add_row("DTMF digits heard after lossy levels, all formats", f"{heard} of {digits}")
        errors = [row.prediction_error for row in self.rows if row.content != "music" and row.prediction_error]
        if errors:
            table.add_row("prediction's mean absolute error, all rows but music", f"{fmean(errors):.3f}")
        return table


def _measured(row: Row) -> dict[str, object]:
    return {name: value for name, value in asdict(row).items() if name not in {"content", *_PREDICTIONS}}


def _predicted(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("content", "level", "format", *_PREDICTIONS)}


def _table(title: str, columns: Sequence[str], keys: int = 1) -> Table:
    table = ReportTable(title=title, keys=keys)
    for name in columns:
        table.add_column(name, justify="left" if name in {"content", "format", "what"} else "right")
    return table


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
