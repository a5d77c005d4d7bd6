"""The demo, run as a user runs it, and the verdict that decides its exit code."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
import soundfile

from schemas import Position, RawAudio
from scripts.demonstration import recordings, synthesis
from scripts.demonstration.calls import Input, make_calls
from scripts.demonstration.flow import ReceivedOutcome, SentInput
from scripts.demonstration.verdict import judge
from tests.support.brokers import Broker
from tests.support.events import COMPRESSED, LETTER, RAW

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-P", "-m", "scripts.commands.demo"]
CLIP = synthesis.speech(0.1, speaker=0)


def environment(servers: str, run_dir: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "AUDIO_RUN_DIR": str(run_dir),
    }


def demo(servers: str, run_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=run_dir,
        env=environment(servers, run_dir),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


class Running:
    """A demo that a test interrupts or disturbs once it sends."""

    def __init__(self, broker: Broker, run_dir: Path) -> None:
        self._log = run_dir / "stderr"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                COMMAND,
                env=environment(broker.bootstrap_servers, run_dir),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60
        while "demo: sending" not in self.errors():
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() < deadline, self.errors()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def worker(self) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if "scripts.commands.worker" in child.cmdline())

    def errors(self) -> str:
        return self._log.read_text()


@pytest.mark.timeout(300)
def test_every_call_comes_out_once_and_plays(broker: Broker, tmp_path: Path) -> None:
    report_file, out = tmp_path / "report.json", tmp_path / "files"
    done = demo(broker.bootstrap_servers, tmp_path, "--json", str(report_file), "--out", str(out))
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(report_file.read_text())
    assert (report["lost"], report["duplicated"], report["faults"]) == (0, 0, [])
    assert report["dead_letter_codes"] == ["BadRate", "TruncatedAudio"]
    assert report["records_in"] == report["results"] + report["dead_letters"] > 400
    assert report["ratio"] == round(report["bytes_in"] / report["bytes_out"], 2) > 3
    assert 0 < report["latency_ms_p50"] <= report["latency_ms_p95"]
    assert report["cache_hits"] > 0
    assert set(report["levels_encoded_directly"]) == set("12345")
    originals = sorted(out.rglob("*.original.wav"))
    files = sorted({path for path in out.rglob("*") if path.is_file()} - {*originals})
    assert len(files) == len(originals) == report["files_playable"] == report["results"]
    assert sum(report["reasons"].values()) == report["results"]
    seconds = sum(soundfile.info(file).duration for file in files)
    assert seconds == pytest.approx(report["audio_seconds"], abs=0.01)
    assert "lost, doubled" in done.stdout
    assert "BadRate" in done.stdout
    assert not list(tmp_path.glob("demo-*/state-*")), "the worker's state must be removed"


@pytest.mark.timeout(120)
def test_ones_own_recording_is_sent_and_can_be_heard(broker: Broker, tmp_path: Path) -> None:
    recording = tmp_path / "mein Gast's Höranruf.wav"
    soundfile.write(recording, synthesis.speech(3.0, speaker=1).samples, 8000)
    done = demo(
        broker.bootstrap_servers, tmp_path, "--out", str(tmp_path / "Ergebnis 1"), "--recording", str(recording)
    )
    assert done.returncode == 0, done.stderr
    (original,) = (tmp_path / "Ergebnis 1").rglob("*.original.wav")
    (result,) = {path for path in (tmp_path / "Ergebnis 1").rglob("*.*") if path.is_file()} - {original}
    assert soundfile.info(result).duration == soundfile.info(original).duration == 3.0
    lines = done.stdout.splitlines()
    for heading, path in (("play a result:", result), ("play its original:", original)):
        line = lines[lines.index(heading) + 1]
        assert shlex.split(line)[-1] == str(path)
    assert "Why these levels" in done.stdout


@pytest.mark.long
def test_a_large_recording_is_sent_by_reference_beside_the_calls(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, report = tmp_path / "hour.wav", tmp_path / "report.json"
    soundfile.write(recording, synthesis.speech(60.0, speaker=1).samples, 8000)
    monkeypatch.setenv("AUDIO_INLINE_LIMIT", "100KB")
    done = demo(broker.bootstrap_servers, tmp_path, "--recording", str(recording), "--json", str(report))
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    [one] = told["by_reference"]
    assert (one["audio_seconds"], one["bytes_in"]) == (60.0, recording.stat().st_size)
    assert soundfile.info(one["file"]).duration == 60.0
    lines = done.stdout.splitlines()
    for heading, path in (("play the result of hour.wav:", one["file"]), ("play its original:", str(recording))):
        assert shlex.split(lines[lines.index(heading) + 1])[-1] == path
    assert told["calls"] > 1


def test_a_recording_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    recording = tmp_path / "nothing.wav"
    recording.write_bytes(b"this is no audio")
    done = demo("", tmp_path, "--recording", str(recording), str(tmp_path / "missing.wav"))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("demo: ")
    assert "nothing.wav: " in line
    assert "missing.wav: No such file" in line


@pytest.mark.long
@pytest.mark.timeout(400)
def test_on_its_own_kafka_it_can_be_kept_and_stopped_as_it_says(tmp_path: Path) -> None:
    done = demo("", tmp_path, "--keep")
    try:
        assert done.returncode == 0, done.stderr
        (port,) = re.findall(r"curl http://127.0.0.1:(\d+)/metrics", done.stdout)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert b"audio_results_total" in answer.read()
    finally:
        for command in done.stdout.partition("To stop:\n")[2].splitlines():
            subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, check=True, timeout=120)
    deadline = time.monotonic() + 30
    while any(str(tmp_path) in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < deadline, "Kafka still runs"
        time.sleep(0.2)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_no_broker_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    done = demo(nobody, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    *steps, error = done.stderr.splitlines()
    assert error.startswith(f"demo: no Kafka broker answers at {nobody}")
    assert all(step.startswith("demo: ") for step in steps)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = demo("nowhere", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("demo: KAFKA_BOOTSTRAP_SERVERS=nowhere")


@pytest.mark.timeout(120)
def test_a_worker_that_dies_is_told_with_the_end_of_its_log(broker: Broker, tmp_path: Path) -> None:
    with Running(broker, tmp_path) as running:
        running.worker().kill()
        assert running.process.wait(60) == 1
    assert "demo: the worker ended with exit code -9" in running.errors()
    assert "worker_started" in running.errors()
    assert "Traceback" not in running.errors()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_what_it_has_started(broker: Broker, tmp_path: Path, number: signal.Signals) -> None:
    with Running(broker, tmp_path) as running:
        worker = running.worker()
        running.process.send_signal(number)
        assert running.process.wait(60) == 130, running.errors()
    assert not worker.is_running()
    assert "Traceback" not in running.errors()


def test_without_apt_speech_is_synthesized_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(recordings, "_SYNTHESIZED_CLIPS", 2)
    said: list[str] = []
    found = recordings.load(tmp_path / "cache", said.append)
    assert (
        found.origin
        == "synthesized speech and music, because this machine has no apt-get to fetch real recordings with"
    )
    assert said
    inputs = make_calls(found, "run")
    assert sum(item.clip is None for item in inputs) == 2
    assert len({item.name for item in inputs}) == len(inputs)


def given(number: int, *, bad: bool = False) -> SentInput:
    event = replace(RAW, id=f"event-{number}", sequence=number)
    return SentInput(Input(event, None if bad else CLIP), Position("audio.raw", 3, number), due=10.0)


def result_of(sent: SentInput) -> ReceivedOutcome:
    assert isinstance(sent.input.event, RawAudio)
    outcome = replace(
        COMPRESSED,
        causation_id=sent.input.event.id,
        sequence=sent.input.event.sequence,
        pcm_sha256=CLIP.pcm_sha256,
        position=sent.position,
    )
    return ReceivedOutcome(outcome, at=10.5)


def letter_of(sent: SentInput) -> ReceivedOutcome:
    return ReceivedOutcome(replace(LETTER, position=sent.position), at=10.5)


def test_the_judge_is_content_when_everything_has_its_outcome() -> None:
    one, two, bad = given(0), given(1), given(2, bad=True)
    verdict = judge([one, two, bad], [result_of(one), result_of(two), letter_of(bad)])
    assert (verdict.records_in, verdict.lost, verdict.duplicated, verdict.faults) == (3, 0, 0, [])
    assert (len(verdict.results), len(verdict.dead_letters)) == (2, 1)
    assert {result.latency for result in verdict.results} == {0.5}


ONE, TWO, BAD = given(0), given(1), given(2, bad=True)
STRANGER = replace(result_of(ONE), outcome=replace(result_of(ONE).outcome, position=Position("audio.raw", 0, 99)))
MIXED_UP = replace(result_of(ONE), outcome=replace(result_of(ONE).outcome, position=TWO.position))


@pytest.mark.parametrize(
    ("arrived", "lost", "duplicated", "fault"),
    [
        ([result_of(ONE), letter_of(BAD)], 1, 0, "call-1 #1 has 0 outcomes"),
        ([result_of(ONE), result_of(TWO), letter_of(BAD), result_of(TWO)], 0, 1, "call-1 #1 has 2 outcomes"),
        ([result_of(ONE), result_of(TWO), letter_of(BAD), letter_of(TWO)], 0, 1, "call-1 #1 has 2 outcomes"),
        ([result_of(ONE), letter_of(TWO), letter_of(BAD)], 0, 0, "call-1 #1 is a dead letter"),
        ([result_of(ONE), result_of(TWO), result_of(BAD)], 0, 0, "call-1 #2 has a result"),
        ([result_of(ONE), MIXED_UP, letter_of(BAD)], 0, 0, "call-1 #1 has the result of another input"),
        ([result_of(ONE), result_of(TWO), letter_of(BAD), STRANGER], 0, 0, "never sent"),
        ([result_of(TWO), result_of(ONE), letter_of(BAD)], 0, 0, "out of order"),
    ],
)
def test_the_judge_sees(arrived: list[ReceivedOutcome], lost: int, duplicated: int, fault: str) -> None:
    verdict = judge([ONE, TWO, BAD], arrived)
    assert (verdict.lost, verdict.duplicated) == (lost, duplicated)
    assert fault in "\n".join(verdict.faults)
