"""`compress` on a mixed folder: its table, the files that it writes, and its messages on files that are not audio."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.commands import compress
from scripts.recordings import compressing
from streams.audio import Clip
from streams.codecs import Encoded, FlacEncoder
from streams.compression import Plan, encode
from tests.chaos.workers import ROOT
from tests.support.signals import clip_of, encode_as, speech


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every format, two files that differ only in their suffix, a subfolder, and a file without audio."""
    folder = tmp_path / "calls"
    (folder / "lobby").mkdir(parents=True)
    for number, (name, media_type) in enumerate(
        [
            ("one.wav", "audio/wav"),
            ("one.flac", "audio/flac"),
            ("lobby/two.ogg", "audio/ogg"),
            ("lobby/three.opus", "audio/ogg;codecs=opus"),
            ("lobby/four.MP3", "audio/mpeg"),
        ]
    ):
        (folder / name).write_bytes(encode_as(speech(2, seed=number), media_type))
    (folder / "notes.txt").write_text("no audio")
    return folder


def run(*arguments: object) -> int:
    return compress.main([str(argument) for argument in arguments])


def test_an_estimate_of_a_mixed_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))

    assert run(folder) == 0

    shown = capsys.readouterr().out
    for word in ("one.wav", "one.flac", "lobby/two.ogg", "lobby/four.MP3", "5 files", "saved", "opus", "reason"):
        assert word in shown
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "suffix"), [("flac", "flac"), ("opus", "ogg"), ("vorbis", "ogg"), ("mp3", "mp3"), ("wav", "wav")]
)
def test_each_format_can_be_asked_for(folder: Path, tmp_path: Path, name: str, suffix: str) -> None:
    out = tmp_path / "out"

    assert run(folder / "one.wav", "--format", name, "--out", out) == 0

    (file,) = out.iterdir()
    assert file.name == f"one.{suffix}"
    assert soundfile.info(str(file)).frames == 16_000


def test_results_keep_their_folders_and_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    assert run(folder, "--level", 2, "--format", "flac", "--out", out) == 0

    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert names == ["lobby/four.flac", "lobby/three.flac", "lobby/two.flac", "one.flac.flac", "one.wav.flac"]
    assert run(folder, "--level", 2, "--format", "flac", "--out", out) == 0  # the same again
    (out / "lobby/two.flac").write_bytes(b"precious")
    assert run(folder, "--level", 2, "--format", "flac", "--out", out) == 1
    assert (out / "lobby/two.flac").read_bytes() == b"precious"


def test_an_input_is_never_replaced(folder: Path) -> None:
    original = (folder / "one.wav").read_bytes()

    assert run(folder / "one.wav", "--format", "wav", "--out", folder) in {0, 1}

    assert (folder / "one.wav").read_bytes() == original


def test_a_dry_run_writes_nothing(folder: Path, tmp_path: Path) -> None:
    assert run(folder, "--out", tmp_path / "out", "--dry-run") == 0
    assert not (tmp_path / "out").exists()


def test_the_others_are_done_when_one_fails(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.wav").write_bytes(b"this is no audio")

    os.mkfifo(tmp_path / "pipe.wav")
    others = (folder / "notes.txt", tmp_path / "missing.wav", tmp_path / "pipe.wav")

    assert run(folder, *others, "--out", tmp_path / "out") == 1

    shown = capsys.readouterr()
    assert "5 files" in shown.out
    left_out, *problems = shown.err.splitlines()
    assert left_out == f"compress: left out 1 (other suffixes): {folder / 'notes.txt'}"
    assert [line.split(":")[0] for line in problems] == ["compress"] * 4
    for says in (
        "notes.txt: this is text; send the recording itself",
        "broken.wav",
        "missing.wav: No such file",
        "pipe.wav: is no regular file",
    ):
        assert says in shown.err
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 5


def test_a_folder_without_audio_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "no audio in" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["x.wav", "--level", "6"], ["x.wav", "--level", "1", "--format", "mp3"]])
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert error.value.code == 2


def test_a_bug_with_one_file_costs_that_file_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(clip: Clip, plan: Plan) -> Encoded:
        if clip.source.container == "flac":
            raise OverflowError("too long")
        if clip.source.container == "mpeg":
            raise MemoryError
        return encode(clip, plan)

    monkeypatch.setattr(compressing, "encode", failing)
    assert run(folder) == 1
    shown = capsys.readouterr()
    assert "3 files" in shown.out
    assert f"{folder / 'one.flac'}: failed because of a bug (OverflowError: too long)" in shown.err
    assert f"{folder / 'lobby/four.MP3'}: needs more memory than there is" in shown.err


def test_the_report_has_every_file(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.wav").write_bytes(b"this is no audio")
    report = tmp_path / "report.json"

    assert run(folder, "--out", tmp_path / "out", "--json", report) == 1

    told = json.loads(report.read_text())
    assert {Path(file["path"]).name for file in told["files"]} == {
        "one.wav",
        "one.flac",
        "two.ogg",
        "three.opus",
        "four.MP3",
    }
    for file in told["files"]:
        assert Path(file["path"]).stat().st_size == file["bytes"]
        assert Path(file["written"]).stat().st_size == file["compressed_bytes"]
        assert file["seconds"] == pytest.approx(2, abs=0.1)
    assert told["compressed_bytes"] == sum(file["compressed_bytes"] for file in told["files"])
    assert [Path(one["path"]).name for one in told["failed"]] == ["broken.wav"]
    assert [(Path(one["path"]).name, one["reason"]) for one in told["left_out"]] == [("notes.txt", "other suffixes")]


def test_telephony_s_raw_files_are_read_by_their_suffix(tmp_path: Path) -> None:
    clip = speech(2)
    for name, media_type in (("a.sln", "audio/x-slin;rate=8000"), ("b.ulaw", "audio/PCMU"), ("c.alaw", "audio/PCMA")):
        (tmp_path / name).write_bytes(encode_as(clip, media_type))

    assert run(tmp_path, "--level", 1, "--format", "wav", "--out", tmp_path / "out") == 0

    assert {path.name: soundfile.info(path).subtype for path in (tmp_path / "out").iterdir()} == {
        "a.wav": "PCM_16",
        "b.wav": "ULAW",
        "c.wav": "ALAW",
    }


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_any_name_and_standard_input_in_any_locale(tmp_path: Path, locale: str) -> None:
    odd = os.fsencode(tmp_path) + b"/\xe4 \xc3\xbc.wav"
    Path(os.fsdecode(odd)).write_bytes(encode_as(speech(1), "audio/wav"))
    arguments = ["-", str(tmp_path), "--suffix", "ulaw", "--out", str(tmp_path / "out")]

    done = subprocess.run(
        [sys.executable, "-m", "scripts.commands.compress", *arguments],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": locale},
        input=encode_as(speech(1, seed=1), "audio/PCMU"),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert "\\xe4 ü.wav".encode() in done.stdout
    names = [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()]
    assert sorted(names) == [b"standard-input.ogg", b"\xe4 \xc3\xbc.ogg"]


def test_what_has_no_known_suffix_is_read_by_its_content(folder: Path, tmp_path: Path) -> None:
    (folder / "one.flac").rename(tmp_path / "recording")
    (folder / "one.wav").rename(tmp_path / "wrong.mp3")

    assert run(tmp_path / "recording", tmp_path / "wrong.mp3", "--level", 2, "--out", tmp_path / "out") == 0

    assert {path.name for path in (tmp_path / "out").iterdir()} == {"recording.flac", "wrong.flac"}


def test_what_is_no_audio_is_named_without_a_label_that_nobody_gave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    assert run(tmp_path / "page") == 1
    error = capsys.readouterr().err
    assert "HTML" in error
    assert "labelled" not in error


@pytest.mark.long
def test_hours_in_one_file_are_compressed_like_minutes(tmp_path: Path) -> None:
    hours = tmp_path / "hours.flac"
    hours.write_bytes(FlacEncoder(5).encode(clip_of(np.zeros(16_860 * 8000, np.int16))).audio)

    assert run(hours, "--json", tmp_path / "report.json") == 0

    (file,) = json.loads((tmp_path / "report.json").read_text())["files"]
    assert file["seconds"] == 16_860
