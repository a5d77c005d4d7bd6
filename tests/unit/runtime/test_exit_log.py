"""The exit history of previous runs."""

from pathlib import Path

import pytest

from streams.runtime.exit_log import ExitLog


def life(directory: Path) -> ExitLog:
    exits = ExitLog(directory, now=lambda: 7.0)
    exits.begin()
    return exits


def counted(exits: ExitLog) -> dict[str, int]:
    return {reason: count for reason, count in exits.counts.items() if count}


def test_the_first_life_has_no_former_one(tmp_path: Path) -> None:
    assert counted(life(tmp_path)) == {}


def test_each_life_counts_the_ends_before_it(tmp_path: Path) -> None:
    life(tmp_path).end("stopped")
    life(tmp_path).end("fenced", "ProducerFenced")
    life(tmp_path).end("stopped")
    exits = life(tmp_path)
    assert counted(exits) == {"stopped": 2, "fenced": 1}
    assert [(end.reason, end.message, end.at) for end in exits.latest] == [
        ("stopped", "", 7.0),
        ("fenced", "ProducerFenced", 7.0),
        ("stopped", "", 7.0),
    ]


def test_a_life_that_ends_without_a_word_has_crashed(tmp_path: Path) -> None:
    life(tmp_path)
    life(tmp_path)
    assert counted(life(tmp_path)) == {"crashed": 2}


def test_the_first_word_counts(tmp_path: Path) -> None:
    exits = life(tmp_path)
    exits.end("breaker", "first")
    exits.end("crashed", "second")
    assert counted(life(tmp_path)) == {"breaker": 1}


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b"\xff", b'{"running": true}', b'{"counts": 3}'])
def test_what_was_damaged_is_begun_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "exits.json").write_bytes(left)
    life(tmp_path).end("stopped")
    assert counted(life(tmp_path)) == {"stopped": 1}


def test_the_latest_are_bounded(tmp_path: Path) -> None:
    for _ in range(30):
        life(tmp_path).end("stopped")
    exits = life(tmp_path)
    assert counted(exits) == {"stopped": 30}
    assert len(exits.latest) == 10
