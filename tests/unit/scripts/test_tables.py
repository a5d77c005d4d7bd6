import io
import os
import pty
import subprocess
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console

from scripts.tables import ReportTable, report_console
from tests.chaos.workers import ROOT

NUMBERS = ("1,920,044", "273,274", "7.03x", "85.8%", "3", "4.21")
NAME = "a-long-name-of-a-recording-2026-11-30T10-00-00-guest-Höme-" * 2


def drawn(width: int) -> list[str]:
    table = ReportTable("file", title="Files")
    for title in ("bytes", "compressed", "ratio", "saved", "level", "quality"):
        table.add_column(title, justify="right")
    table.add_column("reason")
    table.add_row("b.wav", *NUMBERS, "the policy's ceiling")
    table.add_row(NAME, *NUMBERS, "a reason of many words that takes several lines where there is no room")
    output = io.StringIO()
    Console(file=output, width=width).print(table)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_too_long_and_no_number_is_broken(width: int) -> None:
    lines = drawn(width)
    assert max(map(cell_len, lines)) <= width
    words = [word for line in lines for word in line.split()]
    assert all(words.count(number) == 2 for number in NUMBERS)
    assert all(title in words for title in ("bytes", "compressed", "ratio", "saved", "level", "quality", "reason"))
    assert words.count("Files") == 1
    assert "".join(line.split()[0] for line in lines if line.strip()).count("b.wav") >= 1


def test_columns_that_fit_stay_in_one_part() -> None:
    assert sum("file" in line for line in drawn(200)) == 1
    assert sum("file" in line for line in drawn(60)) == 3


def test_the_width_is_that_of_the_environment_or_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert report_console().width == 60
    code = "from scripts.tables import report_console; print(report_console().width)"
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert done.stdout == b"120\n"


@pytest.mark.parametrize(("columns", "shown"), [("30", "x" * 29 + "…"), ("60", "x" * 50)])
def test_a_line_is_shortened_at_a_terminal(columns: str, shown: str) -> None:
    terminal, its_end = pty.openpty()
    code = "from scripts.tables import fitted; print(fitted('x' * 50))"
    environ = os.environ | {"COLUMNS": columns, "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, stdout=its_end, check=True)
    os.close(its_end)
    assert os.read(terminal, 10_000).decode().strip() == shown
    os.close(terminal)


def test_a_line_elsewhere_is_complete() -> None:
    code = "from scripts.tables import fitted; print(fitted('x' * 500))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"COLUMNS": "60"}, capture_output=True, check=True
    )
    assert done.stdout == b"x" * 500 + b"\n"


def test_each_part_begins_with_the_key_columns() -> None:
    table = ReportTable("topic", "partition", "owner", "records", keys=2)
    table.add_row("audio.raw", "7", "somebody-at-10.0.0.1", "12")
    output = io.StringIO()
    Console(file=output, width=46).print(table)
    first, second = output.getvalue().split("\n\n")
    assert first.splitlines()[-1].split() == ["audio.raw", "7", "somebody-at-10.0.0.1"]
    assert second.splitlines()[-1].split() == ["audio.raw", "7", "12"]


def test_a_name_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = ReportTable("call")
    table.add_row("[bold]call[/bold] [/nothing]")
    report_console().print(table)
    assert "[bold]call[/bold] [/nothing]" in capsys.readouterr().out
