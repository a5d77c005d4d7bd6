"""The report of the demo: tables, and a JSON object for programs."""

import os
import shlex
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from scripts.demonstration.environment import DemoEnvironment
from scripts.demonstration.flow import RATE
from scripts.demonstration.large_recordings import RecordingResult, recordings_table
from scripts.demonstration.levels import Level
from scripts.demonstration.reasons import reasons_table
from scripts.demonstration.security import SecurityReport
from scripts.demonstration.verdict import Result, Verdict
from scripts.players import play_line
from scripts.processes.files import original_of
from scripts.tables import ReportTable
from streams.codecs.base import LOSSLESS

_SIZES = ("bytes in", "bytes out", "ratio")
_MEANING = {
    1: "lossless, fastest",
    2: "lossless, smallest",
    3: "transparent",
    4: "economical",
    5: "smallest intelligible",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The data of the report.

    Attributes:
        environment: Machine, Kafka and versions of the demo.
        recordings: The recordings of the calls.
        bad: Number of inputs that were bad on purpose.
        verdict: The outcomes of the live calls.
        by_reference: The results of the recordings that were sent by reference.
        levels: The comparison of the levels.
        files: Every result as a file.
        playable: Number of files that can be decoded and have their input's length.
        out: Their directory.
        seconds: Duration of the demo.
        security: What a secure Kafka has shown; None for one in plain text.
    """

    environment: DemoEnvironment
    recordings: str
    bad: int
    verdict: Verdict
    by_reference: Sequence[RecordingResult]
    levels: Sequence[Level]
    files: Sequence[Path]
    playable: int
    out: Path
    seconds: float
    security: SecurityReport | None

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        results = self.verdict.results
        p50, p95 = self._latencies()
        return {
            "records_in": self.verdict.records_in,
            "results": len(results),
            "dead_letters": len(self.verdict.dead_letters),
            "dead_letter_codes": sorted(letter.rejection.code for letter in self.verdict.dead_letters),
            "lost": self.verdict.lost,
            "duplicated": self.verdict.duplicated,
            "faults": list(self.verdict.faults),
            "calls": _calls(results),
            "audio_seconds": _audio_seconds(results),
            **_sizes(results),
            "cache_hits": _hits(results),
            "latency_ms_p50": p50,
            "latency_ms_p95": p95,
            "reasons": dict(Counter(str(result.audio.reason) for result in results).most_common()),
            "streamed_levels": [
                {"level": level, "codec": codec, "results": len(those), **_sizes(those)}
                for (level, codec), those in _by_level(results)
            ],
            "levels_encoded_directly": {str(level.number): _level_json(level) for level in self.levels},
            "recordings": self.recordings,
            "by_reference": [one.as_json() for one in self.by_reference],
            "kafka": self.environment.cluster.bootstrap_servers,
            "kafka_started": self.environment.local_port is not None,
            "secure": None if self.security is None else self.security.as_json(),
            "files": len(self.files),
            "files_playable": self.playable,
            "files_directory": str(self.out),
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 2),
            "seconds": round(self.seconds, 1),
        }

    def print(self, console: Console) -> None:
        """The report for people."""
        console.print(self._summary())
        console.print()
        console.print(_streamed_table(self.verdict.results))
        console.print()
        if self.by_reference:
            console.print(recordings_table(self.by_reference))
            console.print()
        console.print(reasons_table(self.verdict.results))
        console.print()
        console.print(_levels_table(self.levels))
        console.print()
        if self.security is not None:
            self.security.print(console)
        for letter in self.verdict.dead_letters:
            call = (letter.original.key or b"").decode("utf-8", "replace")
            text = f"dead letter {call}: {letter.rejection.code}, {letter.rejection.message}"
            console.print(text, markup=False, soft_wrap=True)
        console.print(
            f"files: {shlex.quote(str(self.out))}, those of the calls beside their originals",
            markup=False,
            soft_wrap=True,
        )
        for what, path in self._heard():
            console.print(f"play {what}:", style="bold")
            console.print(f"  {play_line(path)}", markup=False, highlight=False, soft_wrap=True)

    def _heard(self) -> list[tuple[str, Path]]:
        """What to play, to compare by ear: the user's large recordings, or else the longest lossy result."""
        own = [(one.large, one.file) for one in self.by_reference if one.file is not None]
        if own:
            large, file = own[0]
            return [(f"the result of {large.name}", file), ("its original", large.recording.path)]
        if not self.files:
            return []
        heard, _ = max(
            zip(self.files, self.verdict.results, strict=True),
            key=lambda pair: (pair[1].audio.quality < LOSSLESS, pair[1].clip.duration_ms),
        )
        return [("a result", heard), ("its original", original_of(heard))]

    def _summary(self) -> ReportTable:
        verdict, results = self.verdict, self.verdict.results
        p50, p95 = self._latencies()
        sizes = _sizes(results)
        origin = "started for this demo" if self.environment.local_port is not None else "given"
        kafka = f"{self.environment.cluster.bootstrap_servers}, {origin}"
        if self.environment.secure is not None:
            kafka += f", {self.environment.cluster.connection.security.protocol}"
        table = ReportTable(title="Calls through genuine Kafka", show_header=False)
        for name, text in (
            ("recordings", self.recordings),
            ("Kafka", f"{kafka}; one worker"),
            ("calls", f"{_calls(results)}, {_audio_seconds(results):.0f} s of audio"),
            ("records in", f"{verdict.records_in}, at {RATE:g} a second"),
            ("results", f"{len(results)}, of which {_hits(results)} from the cache"),
            ("dead letters", f"{len(verdict.dead_letters)}{_on_purpose(self.bad)}"),
            ("lost, doubled", f"{verdict.lost}, {verdict.duplicated}"),
            ("size", f"{sizes['bytes_in']:,} bytes in, {sizes['bytes_out']:,} out: {sizes['ratio']:.1f} to 1"),
            ("latency", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, from due to be sent to received"),
            ("files", f"{len(self.files)}, of which {self.playable} open again and are as long as their input"),
            ("machine", _machine()),
            ("time", f"{self.seconds:.0f} s for all of this"),
        ):
            table.add_row(name, text)
        return table

    def _latencies(self) -> tuple[float, float]:
        """Median and 95th percentile in milliseconds; 0 without results."""
        latencies = [result.latency * 1000 for result in self.verdict.results]
        if len(latencies) < 2:  # noqa: PLR2004  fewer have no quantiles
            only = round(sum(latencies), 1)
            return only, only
        parts = statistics.quantiles(latencies, n=20)
        return round(parts[9], 1), round(parts[18], 1)


def _on_purpose(bad: int) -> str:
    return f" ({bad} inputs were bad on purpose, see below)" if bad else ""


def _machine() -> str:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    text = f"{cores} cores, load average {load:.1f}"
    return text if load <= cores else f"{text}: latency includes waiting for a core"


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> ReportTable:
    table = ReportTable(*words, title=title, keys=len(words))
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _streamed_table(results: Sequence[Result]) -> ReportTable:
    table = _table("What the worker sent", ("level", "codec"), ("results", *_SIZES))
    for (level, codec), those in _by_level(results):
        sizes = _sizes(those)
        table.add_row(
            f"{level} {_MEANING[level]}",
            codec,
            str(len(those)),
            f"{sizes['bytes_in']:,}",
            f"{sizes['bytes_out']:,}",
            f"{sizes['ratio']:.1f}",
        )
    return table


def _levels_table(levels: Iterable[Level]) -> ReportTable:
    title = "What each level would give for the same inputs (encoded directly, not streamed)"
    table = _table(title, ("level", "codecs"), _SIZES)
    for level in levels:
        table.add_row(
            f"{level.number} {_MEANING[level.number]}",
            ", ".join(level.codecs),
            f"{level.bytes_in:,}",
            f"{level.bytes_out:,}",
            f"{_ratio(level.bytes_in, level.bytes_out):.1f}",
        )
    return table


def _level_json(level: Level) -> dict[str, Any]:
    return {
        "codecs": list(level.codecs),
        "bytes_in": level.bytes_in,
        "bytes_out": level.bytes_out,
        "ratio": _ratio(level.bytes_in, level.bytes_out),
    }


def _by_level(results: Iterable[Result]) -> list[tuple[tuple[int, str], list[Result]]]:
    groups: dict[tuple[int, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.audio.level, result.audio.codec].append(result)
    return sorted(groups.items(), key=lambda group: group[0])


def _sizes(results: Sequence[Result]) -> dict[str, Any]:
    bytes_in = sum(result.audio.original_bytes for result in results)
    bytes_out = sum(result.audio.compressed_bytes for result in results)
    return {"bytes_in": bytes_in, "bytes_out": bytes_out, "ratio": _ratio(bytes_in, bytes_out)}


def _ratio(bytes_in: int, bytes_out: int) -> float:
    return round(bytes_in / max(1, bytes_out), 2)


def _calls(results: Iterable[Result]) -> int:
    return len({result.audio.call_id for result in results})


def _audio_seconds(results: Iterable[Result]) -> float:
    return round(sum(result.clip.frames / result.clip.rate for result in results), 3)


def _hits(results: Iterable[Result]) -> int:
    return sum(result.audio.cache == "hit" for result in results)
