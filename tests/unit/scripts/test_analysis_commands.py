"""The analysis bench counts its classifications; the fit of music against speech classifies examples correctly."""

import json
from pathlib import Path

import numpy as np
import pytest

from infra.debian import UnavailableError
from scripts.benchmarks import command as bench
from scripts.benchmarks import corpus
from scripts.training import discriminant, fit_analysis
from scripts.training.discriminant import Source
from streams.analysis.activity import normalised
from streams.analysis.music import features
from streams.analysis.spectrum import spectrum
from tests.support import telephony
from tests.support.signals import speech


def test_every_label_and_kind_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tuple((f"speaker {seed}", speech(2, seed=seed)) for seed in range(4))
    played = (("music", telephony.clip(telephony.music(2))),)
    monkeypatch.setattr(corpus, "load", lambda cache, say: corpus.Corpus("made for this test", said, played))
    file = tmp_path / "hearing.json"

    assert bench.main(["analysis", "--limit", "3", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    labels = {row["content"]: row for row in report["labels"]}
    assert (labels["speech, 1 s"]["right"], labels["speech, 1 s"]["wrong"]) == (3 * 4, 3 * 12)
    assert labels["speech, 1 s"]["corrected"] == labels["speech, 1 s"]["wrong"]
    assert labels["noise"]["wrong"] == 0  # noise shows no label to be wrong
    assert {row["altered"] for row in labels.values()} == {0}
    kinds = {row["content"]: row["heard"] for row in report["kinds"]}
    assert kinds["prompts"] == {"speech": 3}
    assert kinds["music"] == {"music": 1}
    assert kinds["fax calling and called"] == {"fax": 10}
    assert kinds["DTMF"] == {"tones": 48}
    assert "corrected" in capsys.readouterr().out


def source(kind: str, name: str, signals: list[telephony.Signal]) -> Source:
    clips = [telephony.clip(signal) for signal in signals]
    rows = [features(spectrum(normalised(clip.samples)[:, 0], clip.rate)) for clip in clips]
    return Source(kind, name, np.array(rows))


def test_a_fit_classifies_unknown_examples() -> None:
    voices = [[speech(2, seed=seed).samples[:, 0].astype(float)] for seed in range(12)]
    pieces = [[telephony.music(2, seed=seed)] for seed in range(12)]
    found = [
        *(source("prompts", f"voice {number}", signals) for number, signals in enumerate(voices)),
        *(source("hold music", f"piece {number}", signals) for number, signals in enumerate(pieces)),
    ]

    right = discriminant.left_out(found)

    assert right == {"prompts": 1.0, "hold music": 1.0}
    assert discriminant.fit(found).weights.tolist() == discriminant.fit(found[::-1]).weights.tolist()


def test_nothing_is_fitted_without_recordings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unavailable(cache: Path, say: object) -> corpus.Corpus:
        raise UnavailableError("there is no network")

    monkeypatch.setattr(corpus, "load", unavailable)
    before = fit_analysis.FILE.read_bytes()

    assert fit_analysis.main([]) == 1
    assert "there is no network" in capsys.readouterr().err
    assert fit_analysis.FILE.read_bytes() == before
