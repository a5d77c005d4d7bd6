"""The command for the chaos bench, as far as it goes without a cluster."""

import re
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.commands import chaos, seeded_bugs


def test_the_list_names_every_fault_and_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines] == list(FAULTS)
    assert all(re.match(r"\S+ +\S.*\S", line) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--faults", "worker-kill,earthquake"], "unknown fault earthquake; --list shows them all"),
        (["--rounds", "0"], "0 is not 1 or more"),
        (["--rounds", "many"], "invalid"),
        (["--json", "/nowhere/at/all.json"], "/nowhere/at/all.json cannot be written"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_before_anything_starts(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        chaos.main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_figures_cannot_go_into_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chaos.main(["--json", str(tmp_path)])
    assert "cannot be written" in capsys.readouterr().err


def test_an_unknown_bug_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        seeded_bugs.main(["earthquake"])
    assert ended.value.code == 2
    assert "unknown bug earthquake" in capsys.readouterr().err
