"""The codecs bench prints and writes a row for every level and format."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.debian import UnavailableError
from scripts.benchmarks import command as bench
from scripts.benchmarks import corpus
from scripts.benchmarks.codecs import seams
from tests.support.signals import speech


@pytest.fixture(autouse=True)
def little_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tuple((f"speaker {seed}", speech(2, seed=seed)) for seed in range(3))
    found = corpus.Corpus("made for this test", speech=clips, music=clips[:1])
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
    assert set(rows[0]) == {"level", "format", "codec", "ratio", "speed", "bare_speed", "pesq_mean", "pesq_p10"}
    assert all(row["speed"] > 0 and row["bare_speed"] > 0 and row["ratio"] > 0.9 for row in rows)
    assert all((row["pesq_mean"] is None) == (row["level"] < 3) for row in rows)
    assert "opus" in capsys.readouterr().out


def test_the_other_promises_are_measured_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"

    assert bench.main(["codecs", "--level", "3", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert {(row["content"], row["format"]) for row in report["predictions"]} >= {("speech", "opus"), ("G.711", "opus")}
    whole, *parts = report["automatic"]
    assert whole["content"] == "all"
    assert whole["clips"] == sum(part["clips"] for part in parts) == 5  # three prompts, music, a number
    assert min(part["mean_ratio"] for part in parts) <= whole["mean_ratio"] <= max(part["mean_ratio"] for part in parts)
    assert {(row["level"], row["format"]) for row in report["dtmf"]} == {
        (level, name) for level in (3, 4, 5) for name in ("opus", "vorbis", "mp3")
    }
    assert all(row["heard"] == row["digits"] == 64 for row in report["dtmf"])
    assert 0 < report["clip"]["analysis_ms"] < report["clip"]["median_ms"] <= report["clip"]["p90_ms"]
    assert "automatic choice" in capsys.readouterr().out


def test_every_kind_of_call_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "calls.json"

    assert bench.main(["calls", "--limit", "1", "--level", "3", "--json", str(file)]) == 0

    rows = {row["content"]: row for row in json.loads(file.read_text())["rows"]}
    assert {"clean turns", "both sides at once", "turns over babble", "music within speech"} < set(rows)
    assert rows["clean turns"]["ratio"] > rows["both sides at once"]["ratio"]
    assert rows["MP3 of 24 kbit/s"]["predicted_mean"] < rows["MP3 of 64 kbit/s"]["predicted_mean"]
    assert rows["our own level 3"]["codecs"] == "opus kept"
    assert "worse" in capsys.readouterr().out


def test_nothing_is_measured_without_recordings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unavailable(cache: Path, say: Callable[[str], None]) -> corpus.Corpus:
        raise UnavailableError("this machine has no apt-get")

    monkeypatch.setattr(corpus, "load", unavailable)

    assert bench.main(["codecs"]) == 1
    assert "because this machine has no apt-get" in capsys.readouterr().err


def test_one_level_can_be_measured_alone(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"

    assert bench.main(["codecs", "--level", "1", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert {row["level"] for row in report["rows"] + report["g711"] + report["pauses"] + report["music"]} == {1}


def test_a_missing_directory_is_reported_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(["codecs", "--json", str(tmp_path / "missing" / "bench.json")])

    assert ended.value.code == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["codecs", "--limit", "0"], ["codecs", "--level", "6"], ["other"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(arguments)


def test_seams_are_measured_for_every_coding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "seams.json"
    monkeypatch.setattr(seams, "_HUM_SECONDS", 6)

    assert bench.main(["seams", "--json", str(file)]) == 0

    rows = json.loads(file.read_text())["rows"]
    assert {(row["rate"], row["coding"]) for row in rows} == {
        (rate, coding) for rate in (8000, 16_000) for coding in ("mono", "dual mono", "stereo")
    }
    assert all(abs(row["one_file_db"]) < 4 for row in rows if row["content"].startswith("hum"))
    assert "dual mono" in capsys.readouterr().out
