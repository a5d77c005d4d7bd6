"""The compress command as a process on a folder of various files: its table, its output files and its exit code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from streams.audio import Clip
from tests.support import telephony
from tests.support.signals import encode_as, speech, write_sound

ROOT = Path(__file__).parents[2]
BROKEN = ("broken.flac", "empty.wav", "truncated.ogg")


def spoken(seed: int) -> Clip:
    return speech(4, seed=seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts, music, G.711, dialled digits, fax and silence in every format; broken files; a file of another kind."""
    folder = tmp_path_factory.mktemp("calls") / "recordings"
    (folder / "lobby").mkdir(parents=True)
    music, call = telephony.clip(telephony.music(6)), speech(4, channels=2)
    files = {
        "prompt.wav": encode_as(spoken(1), "audio/wav"),
        "telephone.wav": write_sound(spoken(2).samples, 8000, "WAV", "ULAW"),
        "deep.wav": write_sound(spoken(3).samples.astype("int32") * 65_537, 8000, "WAV", "PCM_24"),
        "music.flac": encode_as(music, "audio/flac"),
        "lobby/call.ogg": encode_as(call, "audio/ogg"),
        "lobby/greeting.opus": encode_as(spoken(4), "audio/ogg;codecs=opus"),
        "lobby/announcement.mp3": encode_as(spoken(5), "audio/mpeg"),
        "fax.wav": encode_as(telephony.clip(telephony.modem(4, 2400, 1800)), "audio/wav"),
        "pause.wav": encode_as(telephony.clip(telephony.silence(4)), "audio/wav"),
        "broken.flac": encode_as(spoken(6), "audio/flac")[:-2000],
        "empty.wav": b"",
        "truncated.ogg": encode_as(spoken(7), "audio/ogg")[:1000],
        "notes.txt": b"nothing to hear here",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "scripts.commands.compress", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def written(out: Path) -> dict[str, Path]:
    return {str(path.relative_to(out)): path for path in sorted(out.rglob("*")) if path.is_file()}


def rows(table: str) -> dict[str, list[str]]:
    """The cells of each row after the first one, by file."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()]
    return {cells[0]: cells[1:] for cells in lines if len(cells) > 1 and cells[0]}


def test_an_estimate_shows_every_file_and_writes_nothing(folder: Path) -> None:
    before = written(folder)

    done = run(folder)

    assert done.returncode == 1  # some files are broken
    shown = rows(done.stdout)
    assert set(shown) >= {name for name in before if name not in {*BROKEN, "notes.txt"}} | {"9 files"}
    assert shown["fax.wav"][-1] == "fax"
    assert (shown["fax.wav"][4], shown["fax.wav"][6]) == ("2", "5.00")
    assert (shown["prompt.wav"][4], shown["prompt.wav"][5]) == ("3", "opus")
    assert shown["deep.wav"][4] == "3"
    problems = done.stderr.splitlines()
    assert [sum(name in problem for problem in problems) for name in BROKEN] == [1, 1, 1]
    assert any("left out 1 (other suffixes)" in problem and "notes.txt" in problem for problem in problems)
    assert "Traceback" not in done.stderr
    assert written(folder) == before


def test_results_are_written_beside_each_other_and_never_larger(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "smaller"

    assert run(folder, "--out", out).returncode == 1

    made = written(out)
    assert len(made) == 9
    assert {str(Path(name).parent) for name in made} == {".", "lobby"}
    for name, path in made.items():
        (original,) = folder.glob(f"{Path(name).with_suffix('')}.*")
        assert path.stat().st_size <= original.stat().st_size
        assert abs(soundfile.info(str(path)).duration - (6 if name.startswith("music") else 4)) < 0.2


def test_a_dry_run_writes_nothing_whatever_out_says(folder: Path, tmp_path: Path) -> None:
    done = run(folder / "prompt.wav", "--out", tmp_path / "out", "--dry-run")

    assert done.returncode == 0
    assert "prompt.wav" in rows(done.stdout)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("level", ["1", "2", "3", "4", "5"])
def test_a_level_is_kept_to_and_the_lossless_ones_lose_nothing(folder: Path, tmp_path: Path, level: str) -> None:
    done = run(folder / "prompt.wav", "--level", level, "--out", tmp_path)

    assert done.returncode == 0
    assert rows(done.stdout)["prompt.wav"][4] == level
    (file,) = written(tmp_path).values()
    samples, rate = soundfile.read(str(file), dtype="int16", always_2d=True)
    assert ((samples.shape, rate) == (spoken(1).samples.shape, 8000)) or level > "2"
    assert (samples.tobytes() == spoken(1).samples.tobytes()) == (level <= "2")


@pytest.mark.parametrize(
    ("name", "kind"), [("flac", "FLAC"), ("opus", "OPUS"), ("vorbis", "VORBIS"), ("mp3", "MP3"), ("wav", "WAV")]
)
def test_a_format_is_kept_to(folder: Path, tmp_path: Path, name: str, kind: str) -> None:
    assert run(folder / "prompt.wav", "--format", name, "--out", tmp_path).returncode == 0

    (file,) = written(tmp_path).values()
    info = soundfile.info(str(file))
    assert kind in f"{info.format} {info.subtype_info} {info.subtype}".upper()


@pytest.mark.parametrize("arguments", [[], ["x.wav", "--level", "9"], ["x.wav", "--level", "1", "--format", "mp3"]])
def test_wrong_usage_is_told_with_code_2(arguments: list[str]) -> None:
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
