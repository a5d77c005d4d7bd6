"""Lets every program read every sample, and reports the results as a table of programs and formats."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from rich.table import Table

from scripts.benchmarks.players.browsers import BROWSERS, Browser
from scripts.benchmarks.players.heard import Heard, faults
from scripts.benchmarks.players.programs import PROGRAMS, Program
from scripts.benchmarks.players.samples import FORMATS, Sample
from scripts.benchmarks.players.tolerances import tolerance
from scripts.tables import ReportTable

_READERS: tuple[Program | Browser, ...] = (*BROWSERS, *PROGRAMS)
NAMES = tuple(dict.fromkeys(reader.name for reader in _READERS))
ASPECTS = ("opens", "length", "seeks")
_RIGHT, _WRONG, _NOT_ASKED = "✓", "✗", "·"

Done = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Row:
    """What a program makes of all samples of a format.

    Attributes:
        program: Its name.
        format: One of `FORMATS`.
        files: Number of samples.
        asked: Those of `ASPECTS` that the program has figures for.
        faults: What is wrong: sample, aspect, text.
        leniency: Why the program is not held to the exact figures, if it is not.
    """

    program: str
    format: str
    files: int
    asked: Sequence[str]
    faults: Sequence[tuple[str, str, str]]
    leniency: str

    @property
    def cell(self) -> str:
        """A sign for each of `ASPECTS`."""
        wrong = {aspect for _, aspect, _ in self.faults}
        signs = (_WRONG if one in wrong else _RIGHT if one in self.asked else _NOT_ASKED for one in ASPECTS)
        return "".join(signs) + ("*" if self.leniency else "")


def steps(samples: Sequence[Sample], names: Sequence[str]) -> int:
    """How many samples all programs together read."""
    return sum(len(_read_by(reader, samples)) for reader in _READERS if reader.name in names)


def measure(samples: Sequence[Sample], names: Sequence[str], done: Done) -> list[Row]:
    """Let programs read samples.

    Args:
        samples: The samples.
        names: Those of `NAMES` that take part.
        done: Called after each sample of each program.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        folder.chmod(0o755)  # VLC reads and writes as another user
        for sample in samples:
            (folder / sample.name).write_bytes(sample.audio)
        for browser in BROWSERS:
            if browser.name in names:
                rows += _rows(browser.name, _heard_by_browser(browser, _read_by(browser, samples), folder, done))
        for program in PROGRAMS:
            if program.name in names:
                rows += _rows(program.name, _heard_by_program(program, samples, folder, done))
    return rows


def _heard_by_browser(
    browser: Browser, samples: Sequence[Sample], folder: Path, done: Done
) -> Iterable[tuple[Sample, Heard]]:
    found: dict[str, Heard] = {}

    def heard(sample: Sample, answer: Heard) -> None:
        found[sample.name] = answer
        done()

    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
        browser.hear(samples, Path(scratch), heard)
    return [(sample, found[sample.name]) for sample in samples]


def _heard_by_program(
    program: Program, samples: Sequence[Sample], folder: Path, done: Done
) -> Iterable[tuple[Sample, Heard]]:
    def hear(sample: Sample) -> tuple[Sample, Heard]:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            Path(scratch).chmod(0o777)
            heard = program.hear(folder / sample.name, sample, Path(scratch))
        done()
        return sample, heard

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(hear, _read_by(program, samples)))


def _read_by(program: Program | Browser, samples: Sequence[Sample]) -> list[Sample]:
    return [
        sample
        for sample in samples
        if sample.format in program.formats and sample.seconds >= tolerance(program.name, sample.format).shortest_s
    ]


def _rows(program: str, heard: Iterable[tuple[Sample, Heard]]) -> Iterator[Row]:
    for format_name, group in groupby(heard, key=lambda pair: pair[0].format):
        pairs = list(group)
        asked = ["opens"]
        if any(one.seconds is not None for _, one in pairs):
            asked.append("length")
        if any(position > 0 for _, one in pairs for position in one.landed):
            asked.append("seeks")
        allowed = tolerance(program, format_name)
        wrong = [(sample.name, *fault) for sample, one in pairs for fault in faults(sample, one, allowed)]
        yield Row(program, format_name, len(pairs), asked, wrong, allowed.reason)


def as_json(rows: Sequence[Row]) -> dict[str, object]:
    """All rows, for a file."""
    return {"rows": [asdict(row) for row in rows]}


def table(rows: Sequence[Row]) -> Table:
    """Programs and formats; in each cell a sign for opens, length and seeks."""
    drawn = ReportTable("program", *FORMATS, title="opens, length, seeks")
    for name in dict.fromkeys(row.program for row in rows):
        cells = {row.format: row.cell for row in rows if row.program == name}
        drawn.add_row(name, *(cells.get(format_name, "") for format_name in FORMATS))
    return drawn


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The faults, and the reasons for leniency."""
    for row in rows:
        yield from (f"{row.program}: {sample}: {aspect}: {text}" for sample, aspect, text in row.faults)
    reasons = dict.fromkeys((row.program, row.leniency) for row in rows if row.leniency)
    yield from (f"* {program} {reason}." for program, reason in reasons)
