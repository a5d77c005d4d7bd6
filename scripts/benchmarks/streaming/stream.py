"""Measures every system on the same records, in alternating order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks.corpus import Corpus
from scripts.benchmarks.streaming.kafka import running_cluster
from scripts.benchmarks.streaming.results import ResultsError
from scripts.benchmarks.streaming.runs import Measured, Progress, RunSetup, measure
from scripts.benchmarks.streaming.speech import segments

_USUAL_RECORDS = 20_000
_USUAL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Selection:
    """What to measure: every combination of these.

    Attributes:
        systems: Their names, in the order of the first repetition.
        levels: Names of levels.
        segments_s: Lengths of segments, in seconds.
        brokers: Numbers of brokers.
        records: Records in each run; None for 20,000 of 2 s, and of other lengths as many as hold the same audio.
        repetitions: Number of repetitions of each run.
    """

    systems: Sequence[str]
    levels: Sequence[str]
    segments_s: Sequence[float]
    brokers: Sequence[int]
    records: int | None
    repetitions: int

    def records_of(self, segment_s: float) -> int:
        """Records in a run with segments of a length in seconds."""
        return self.records or max(1, round(_USUAL_RECORDS * _USUAL_SECONDS / segment_s))

    @property
    def total(self) -> int:
        """Records in all runs together."""
        runs = len(self.brokers) * len(self.levels) * len(self.systems) * self.repetitions
        return runs * sum(map(self.records_of, self.segments_s))


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one system in one run.

    Attributes:
        system: Its name.
        level: The level's name.
        segment_s: Length of a segment in seconds.
        brokers: Number of brokers.
        records: Number of records.
        cpu_s: Processor seconds of the system, user and system, all threads and children.
        wall_s: Seconds from the time the records become visible to the last result.
        repetition: Number of the repetition, from 1.
    """

    system: str
    level: str
    segment_s: float
    brokers: int
    records: int
    cpu_s: float
    wall_s: float
    repetition: int


def stream(wanted: Selection, corpus: Corpus, directory: Path, progress: Progress) -> Iterator[Run]:
    """Measure all combinations; within a repetition the systems take turns, each time beginning with another one.

    Args:
        wanted: What to measure.
        corpus: The source of the speech.
        directory: Directory for Kafka, state and logs.
        progress: Callbacks for progress.

    Yields:
        The runs, as they end.

    Raises:
        LocalKafkaError: If Kafka does not start.
        ProcessError: If a system ends, or does not start.
        ResultsError: If a system does not give every record one result, the same as all other systems.
        ValueError: If the corpus has no speech of such a length in one piece.
    """
    pieces = {seconds: segments(corpus, seconds, wanted.records_of(seconds)) for seconds in wanted.segments_s}
    for brokers in wanted.brokers:
        with running_cluster(directory / f"kafka-{brokers}", brokers, progress.say) as servers:
            for seconds in wanted.segments_s:
                for level in wanted.levels:
                    records = wanted.records_of(seconds)
                    setup = RunSetup(servers, pieces[seconds], level, records, directory, progress)
                    blank = Run("", level, seconds, brokers, records, 0, 0, 0)
                    yield from _in_turns(wanted, setup, blank)


def turns(systems: Sequence[str], repetitions: int) -> Iterator[tuple[int, str]]:
    """Pairs of repetition, from 1, and system; the first system of each repetition is the second of the one before."""
    for repetition in range(repetitions):
        first = repetition % len(systems)
        for system in (*systems[first:], *systems[:first]):
            yield repetition + 1, system


def _in_turns(wanted: Selection, setup: RunSetup, blank: Run) -> Iterator[Run]:
    first: tuple[str, Measured] | None = None
    for repetition, system in turns(wanted.systems, wanted.repetitions):
        what = f"{blank.level}, {blank.segment_s:g} s: {system}"
        setup.progress.begin(f"brokers: {blank.brokers}, {what}, repetition {repetition}")
        found = measure(system, setup)
        first = first or (system, found)
        _require_same(first, (system, found))
        yield replace(blank, system=system, cpu_s=found.cpu_s, wall_s=found.wall_s, repetition=repetition)


def _require_same(first: tuple[str, Measured], other: tuple[str, Measured]) -> None:
    """Check that all systems made the same files."""
    ours, theirs = first[1].files, other[1].files
    different = sum(ours.get(number) != theirs.get(number) for number in ours.keys() | theirs.keys())
    if different:
        raise ResultsError(f"{different} of {len(ours)} files of {other[0]} differ from those of {first[0]}")
