"""The bench prints and writes a row for every level and format."""

import json
from pathlib import Path

import pytest

from scripts.benchmarks import corpus
from scripts.commands import bench
from tests.support.signals import speech


@pytest.fixture(autouse=True)
def little_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tuple((f"speaker {seed}", speech(2, seed=seed)) for seed in range(3))
    found = corpus.Corpus("made for this test", real=False, speech=clips, music=clips[:1])
    monkeypatch.setattr(corpus, "load", lambda cache, say: found)


def test_every_level_and_format_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"

    assert bench.main(["codecs", "--limit", "2", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    rows = report["rows"]
    lossless = {(level, name) for level in (1, 2) for name in ("flac", "wav")}
    lossy = {(level, name) for level in (3, 4, 5) for name in ("opus", "vorbis", "mp3")}
    assert {(row["level"], row["format"]) for row in rows} == lossless | lossy
    assert report["prompts"] == 2
    assert {"level", "format", "codec", "ratio", "speed", "bare_speed", "pesq_mean", "pesq_p10"} <= set(rows[0])
    assert all(row["speed"] > 0 and row["bare_speed"] > 0 and row["ratio"] > 0.9 for row in rows)
    assert all((row["pesq_mean"] is None) == (row["level"] < 3) for row in rows)
    assert "opus" in capsys.readouterr().out


def test_one_level_can_be_measured_alone(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"

    assert bench.main(["codecs", "--level", "1", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert {row["level"] for row in report["rows"] + report["g711"] + report["pauses"] + report["music"]} == {1}


def test_a_missing_directory_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["codecs", "--json", str(tmp_path / "missing" / "bench.json")]) == 1

    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["codecs", "--limit", "0"], ["codecs", "--level", "6"], ["other"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(arguments)
