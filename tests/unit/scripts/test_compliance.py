import ast
from pathlib import Path

import pytest

from scripts.commands import compliance
from scripts.compliance_page import (
    NO_TEST,
    PAGE,
    PROJECT,
    Control,
    Standard,
    document,
    last_of,
    mapping,
    run_of,
    shown_run,
)

_RESULTS = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" timestamp="2026-03-01T10:00:00+00:00">
<testcase classname="tests.unit.test_one" name="test_good[a]" time="0.1" />
<testcase classname="tests.unit.test_one" name="test_good[b]" time="0.1"><skipped message="no" /></testcase>
<testcase classname="tests.unit.test_one" name="test_bad[a]" time="0.1"><failure message="x">y</failure></testcase>
<testcase classname="tests.unit.test_one" name="test_bad[b]" time="0.1" />
<testcase classname="tests.unit.test_one" name="test_broken" time="0.1"><error message="x">y</error></testcase>
<testcase classname="tests.unit.test_one" name="test_left" time="0.1"><skipped message="no" /></testcase>
</testsuite></testsuites>"""
_TESTS = ["test_good", "test_bad", "test_broken", "test_left", "test_absent"]
_STANDARD = Standard("S", "About.", (Control("C", "T", "Does.", tests={"tests/unit/test_one.py": _TESTS}),))
_ASKED = {
    "SOC 2": ["CC6.1", "CC6.3", "CC6.7", "CC7.2", "C1.2", "CC8.1"],
    "ISO/IEC 27001:2022, Annex A": [
        *("A.5.15", "A.5.18", "A.5.34"),
        *("A.8.8", "A.8.10", "A.8.12", "A.8.15", "A.8.24", "A.8.28"),
    ],
    "GDPR": [f"Article {n}" for n in (5, 17, 25, 30, 32)],
    "OWASP ASVS 5.0": [f"V{n}" for n in (*range(1, 10), *range(11, 17))],
}


def test_the_page_is_current() -> None:
    page = PAGE.read_text()
    assert page == document(mapping(), shown_run(page)), "run ./scripts/compliance --write"


def test_every_control_is_there() -> None:
    assert {one.standard: [control.control for control in one.controls] for one in mapping()} == _ASKED


def test_every_test_that_is_named_exists() -> None:
    named = {
        (file, function)
        for standard in mapping()
        for control in standard.controls
        for file, functions in control.tests.items()
        for function in functions
    }
    there = {(file, function) for file in {file for file, _ in named} for function in _functions(PROJECT / file)}
    assert named - there == set()


def _functions(file: Path) -> list[str]:
    if not file.is_file():
        return []
    return [
        one.name for one in ast.parse(file.read_text()).body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_results_are_those_of_all_cases_together(tmp_path: Path) -> None:
    run = run_of(_results(tmp_path))
    page = document([_STANDARD], run)
    shown = {
        name: f"| `tests/unit/test_one.py::{name}` | {outcome} |"
        for name, outcome in zip(_TESTS, ["passed", "failed", "failed", "not run", "not run"], strict=True)
    }
    assert [name for name, row in shown.items() if row not in page] == []
    assert "2026-03-01T10:00:00+00:00" in page
    assert document([_STANDARD], shown_run(page)) == page


def test_of_several_runs_the_last_result_of_a_test_counts(tmp_path: Path) -> None:
    first, second = _results(tmp_path), tmp_path / "again.xml"
    second.write_text(
        _RESULTS.replace("2026-03-01", "2026-03-02")
        .replace('<failure message="x">y</failure>', "")
        .replace('name="test_good[a]" time="0.1" /', 'name="test_good[a]"><skipped message="no" /></testcase')
    )
    run = last_of([run_of(first), run_of(second)])
    assert run.time == "2026-03-01T10:00:00+00:00"
    assert [run.outcomes.get(f"tests/unit/test_one.py::{name}", "not run") for name in _TESTS] == [
        "passed", "passed", "failed", "not run", "not run",
    ]  # fmt: skip


def test_without_results_nothing_passes() -> None:
    page = document([_STANDARD], None)
    assert page.count("| not run |") == len(_TESTS)
    assert "| passed |" not in page
    assert shown_run(page) is None


def test_a_control_without_a_test_says_so() -> None:
    page = document([Standard("S", "About.", (Control("C", "T", "Does."),))], None)
    assert f"| {NO_TEST} | |" in page


def test_a_failed_test_ends_the_command_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compliance, "mapping", lambda: [_STANDARD])
    assert compliance.main(["--results", str(_results(tmp_path))]) == 1
    assert capsys.readouterr().err == "1 passed, 2 failed, 2 not run\n"


@pytest.mark.parametrize("text", [None, "no XML", "<testsuites/>"])
def test_results_that_cannot_be_read_are_told(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.xml"
    if text is not None:
        file.write_text(text)
    assert compliance.main(["--results", str(file)]) == 1
    assert str(file) in capsys.readouterr().err


def _results(tmp_path: Path) -> Path:
    file = tmp_path / "results.xml"
    file.write_text(_RESULTS)
    return file
