"""The page that shows controls of standards beside what the product does, the tests that show it, and their results.

The mapping is data: docs/compliance.yaml. Results are those of a run of pytest, or those that an earlier page shows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET  # nosec B405 # reads a file that the user's own pytest has written

import yaml

Outcome = Literal["passed", "failed", "not run"]

PROJECT = Path(__file__).resolve().parents[1]
MAPPING = PROJECT / "docs" / "compliance.yaml"
PAGE = PROJECT / "docs" / "COMPLIANCE.md"
NO_TEST = "no test"
_HEAD = """\
# Compliance

Each control beside what the product does for it, what it does not, and the tests that show it. Written by
`./scripts/compliance --write` from `docs/compliance.yaml`; change it there. It is evidence for whoever judges an
installation, and no certificate: much of every control is what people do. [SECURITY.md](SECURITY.md) and
[ERASURE.md](ERASURE.md) describe how things work.

{run}

    ./scripts/test --long --junitxml=results.xml
    ./scripts/compliance --results results.xml --write

`.ci/run` leaves a page with its own results in `.build/COMPLIANCE.md`.
"""
_WITHOUT_RUN = (
    "This page was written without the results of a run: *not run* says that nothing is known of that test here."
)
_OF_RUN = "Results are those of the run that began at {time}. *Not run* are tests that it left out or skipped."
_OF_RUN_PATTERN = re.compile(r"^Results are those of the run that began at (.+?)\. ", re.MULTILINE)
_ROW = re.compile(r"^\| `(tests/\S+::\w+)` \| (passed|failed|not run) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Control:
    """A control of a standard; `tests` has the names of functions by the path of their file."""

    control: str
    title: str
    does: str
    limits: str = ""
    tests: dict[str, list[str]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Its tests as pytest names them: file, two colons, function."""
        return [f"{file}::{function}" for file, functions in self.tests.items() for function in functions]


@dataclass(frozen=True, slots=True)
class Standard:
    """A standard with those of its controls that concern the product."""

    standard: str
    about: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of the tests of a run: of all cases of a function together, by its name."""

    time: str
    outcomes: dict[str, Outcome]


def mapping() -> list[Standard]:
    """The standards, as docs/compliance.yaml has them."""
    entries: list[dict[str, Any]] = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))
    return [
        Standard(entry["standard"], entry["about"], tuple(Control(**control) for control in entry["controls"]))
        for entry in entries
    ]


def run_of(file: Path) -> Run:
    """Read what pytest wrote with `--junitxml`.

    A test with several cases has failed if one has, and has passed if at least one has and none failed.

    Raises:
        ValueError: The file is not of that form.
    """
    try:
        root = ET.parse(file).getroot()  # noqa: S314 # nosec B314 # the user's own file, as above
    except ET.ParseError as error:
        raise ValueError(f"{file} is no XML: {error}") from None
    suite = root.find("testsuite")
    if suite is None:
        raise ValueError(f"{file} has no results; write it with ./scripts/test --junitxml={file.name}")
    outcomes: dict[str, Outcome] = {}
    for case in suite.iter("testcase"):
        name = _name(case)
        outcomes[name] = _together(outcomes.get(name, "not run"), _outcome(case))
    return Run(suite.get("timestamp", "an unknown time"), outcomes)


def last_of(runs: Sequence[Run]) -> Run:
    """One run out of several: the last result of each test that was run, under the time of the first run."""
    outcomes: dict[str, Outcome] = {}
    for run in runs:
        outcomes |= {name: outcome for name, outcome in run.outcomes.items() if outcome != "not run"}
    return Run(runs[0].time, outcomes)


def shown_run(page: str) -> Run | None:
    """The run whose results a page shows; None if it was written without any."""
    began = _OF_RUN_PATTERN.search(page)
    if began is None:
        return None
    return Run(began.group(1), {name: _known(text) for name, text in _ROW.findall(page)})


def document(standards: list[Standard], run: Run | None) -> str:
    """The page as Markdown."""
    head = _HEAD.format(run=_WITHOUT_RUN if run is None else _OF_RUN.format(time=run.time))
    parts = [head, *(line for standard in standards for line in _section(standard, run))]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(standard: Standard, run: Run | None) -> Iterator[str]:
    yield f"## {standard.standard}\n\n{standard.about}\n"
    for one in standard.controls:
        yield f"### {one.control}: {one.title}\n\n{one.does}\n"
        if one.limits:
            yield f"**Not covered:** {one.limits}\n"
        yield "| Shown by | Last result |\n|---|---|"
        for name in one.names():
            yield f"| `{name}` | {'not run' if run is None else run.outcomes.get(name, 'not run')} |"
        if not one.tests:
            yield f"| {NO_TEST} | |"
        yield ""


def _name(case: ET.Element) -> str:
    file = case.get("classname", "").replace(".", "/")
    return f"{file}.py::{case.get('name', '').partition('[')[0]}"


def _outcome(case: ET.Element) -> Outcome:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "not run"


def _together(one: Outcome, other: Outcome) -> Outcome:
    if "failed" in (one, other):
        return "failed"
    return "passed" if "passed" in (one, other) else "not run"


def _known(text: str) -> Outcome:
    return "passed" if text == "passed" else "failed" if text == "failed" else "not run"
