"""Whatever a decoder does, the worker continues: here children really crash, hang and exhaust their memory."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, decode
from streams.sandbox import DecoderSandbox, SandboxError
from streams.sandbox import pool as pool_module
from tests.support.misbehaving import CLIP, DECODER
from tests.support.signals import MEDIA_TYPES, encode_as, media_type_of, speech

FLAC = MediaType("audio/flac")
SMALL = DecodeLimits(max_pcm_bytes=2**20)


@pytest.fixture(scope="module")
def genuine() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1) as sandbox:
        yield sandbox


@pytest.fixture
def deaths() -> list[str]:
    return []


@pytest.fixture
def misbehaving(deaths: list[str]) -> Iterator[DecoderSandbox]:
    """A sandbox whose decoder does what its input says, with one second for each input."""
    with DecoderSandbox(1, SMALL, timeout=1.0, on_death=deaths.append, decoder=DECODER) as sandbox:
        yield sandbox


def code(answer: Clip | Rejection) -> str:
    assert isinstance(answer, Rejection)
    return answer.code


def reported(sandbox: DecoderSandbox, action: bytes) -> str:
    answer = sandbox.decode(action, FLAC)
    assert isinstance(answer, Rejection)
    assert answer.code == "Outcome"
    return answer.reason


def works(sandbox: DecoderSandbox) -> bool:
    answer = sandbox.decode(b"be good", FLAC)
    return isinstance(answer, Clip) and answer.pcm_sha256 == CLIP.pcm_sha256


def child_processes(pid: int | None = None) -> list[psutil.Process]:
    """The running processes of misbehaving sandboxes; no zombie may be among them."""
    members = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if DECODER in process.cmdline():
                members.append(process)
    return members


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("label", MEDIA_TYPES)
def test_decodes_what_decode_decodes(label: str, genuine: DecoderSandbox) -> None:
    media_type = media_type_of(label)
    for clip in (speech(1.0), speech(0.01)):
        audio = encode_as(clip, label)
        here, there = decode(audio, media_type), genuine.decode(audio, media_type)
        assert isinstance(here, Clip)
        assert isinstance(there, Clip)
        assert (there.pcm_sha256, there.rate, there.source) == (here.pcm_sha256, here.rate, here.source)
        assert not there.samples.flags.writeable


def test_a_wrong_label_and_what_was_repaired_are_reported(genuine: DecoderSandbox) -> None:
    audio = encode_as(speech(0.5), "audio/mpeg") + bytes(500)
    clip = genuine.decode(audio, FLAC)

    assert isinstance(clip, Clip)
    assert clip.source.corrected == MediaType("audio/mpeg")
    assert clip.source.repairs == ("trailing-bytes",)


@pytest.mark.parametrize("audio", [b"", b"fLaC", b"RIFF" + bytes(60), b"OggS\0" + bytes(99)])
def test_refuses_what_decode_refuses(audio: bytes, genuine: DecoderSandbox) -> None:
    assert genuine.decode(audio, FLAC) == decode(audio, FLAC)


def test_raw_audio_is_not_decoded_in_the_sandbox() -> None:
    never_started = DecoderSandbox(1)
    assert isinstance(never_started.decode(bytes(320), MediaType("audio/PCMU")), Clip)
    with pytest.raises(SandboxError):
        never_started.decode(b"fLaC", FLAC)


@pytest.mark.parametrize("action", [b"segfault", b"exit", b"raise", b"bomb"])
def test_a_death_costs_one_rejection_and_fresh_children(
    action: bytes, misbehaving: DecoderSandbox, deaths: list[str]
) -> None:
    before = reported(misbehaving, b"process")
    answer = misbehaving.decode(action, FLAC)
    assert isinstance(answer, Rejection)
    assert (answer.stage, answer.code, answer.field) == ("decode", "DecoderCrashed", "value")
    assert reported(misbehaving, b"process") != before
    assert works(misbehaving)
    assert deaths == ["DecoderCrashed"] * 2  # the file got a second chance


def test_a_child_that_was_killed_from_outside_costs_no_rejection(
    misbehaving: DecoderSandbox, deaths: list[str]
) -> None:
    os.kill(int(reported(misbehaving, b"process")), signal.SIGKILL)
    assert works(misbehaving)
    assert deaths == ["DecoderCrashed"]


@pytest.mark.parametrize("action", [b"sleep", b"spin"])
def test_a_hang_ends_with_its_time(action: bytes, misbehaving: DecoderSandbox, deaths: list[str]) -> None:
    child = int(reported(misbehaving, b"process"))
    assert code(misbehaving.decode(action, FLAC)) in {
        "DecoderTimeout",
        "DecoderCrashed",
    }  # by the clock, or by CPU time
    until(lambda: not psutil.pid_exists(child))
    assert works(misbehaving)
    assert set(deaths) <= {"DecoderTimeout", "DecoderCrashed"}
    assert deaths.count("DecoderTimeout") <= 1


def test_a_leak_ends_the_child_and_not_the_memory(misbehaving: DecoderSandbox, deaths: list[str]) -> None:
    answers = [misbehaving.decode(b"leak", FLAC) for _ in range(200)]
    assert not any(isinstance(answer, Rejection) for answer in answers)
    assert 1 <= len(deaths) <= 10
    assert works(misbehaving)


def test_children_are_replaced_after_a_while(
    misbehaving: DecoderSandbox, monkeypatch: pytest.MonkeyPatch, deaths: list[str]
) -> None:
    monkeypatch.setattr(pool_module, "_CALLS_PER_CHILD", 3)
    children = [reported(misbehaving, b"process") for _ in range(7)]
    assert [children.count(child) for child in dict.fromkeys(children)] == [3, 3, 1]
    assert deaths == []


@pytest.mark.parametrize("action", [b"too long", b"absurd rate", b"absurd source", b"no samples"])
def test_an_answer_is_checked_before_it_is_used(action: bytes, misbehaving: DecoderSandbox) -> None:
    assert code(misbehaving.decode(action, FLAC)) == "DecoderCrashed"
    assert works(misbehaving)


def test_a_refusal_is_no_death(misbehaving: DecoderSandbox, deaths: list[str]) -> None:
    before = reported(misbehaving, b"process")
    assert code(misbehaving.decode(b"refuse", FLAC)) == "CorruptAudio"
    assert reported(misbehaving, b"process") == before
    assert deaths == []


@pytest.mark.parametrize("action", [b"read", b"write", b"list"])
def test_a_child_can_only_compute(action: bytes, misbehaving: DecoderSandbox) -> None:
    assert reported(misbehaving, action).startswith("denied")


@pytest.mark.parametrize("action", [b"connect", b"fork", b"signal"])
def test_an_attempt_to_do_more_ends_the_child(action: bytes, misbehaving: DecoderSandbox) -> None:
    assert code(misbehaving.decode(action, FLAC)) == "DecoderCrashed"
    assert works(misbehaving)


def test_a_child_cannot_raise_its_limits(misbehaving: DecoderSandbox) -> None:
    assert code(misbehaving.decode(b"more memory", FLAC)) in {"Outcome", "DecoderCrashed"}
    assert code(misbehaving.decode(b"bomb", FLAC)) == "DecoderCrashed"


def test_a_child_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_ADMIN_PASSWORD", "secret")
    with DecoderSandbox(1, SMALL, decoder=DECODER) as sandbox:
        assert "GRAFANA" not in reported(sandbox, b"environment")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
def test_a_child_of_root_is_nobody(misbehaving: DecoderSandbox) -> None:
    assert reported(misbehaving, b"user") == "65534"


def test_threads_have_children_of_their_own(misbehaving: DecoderSandbox) -> None:
    def work(number: int) -> bool:
        if number % 10 == 0:
            return code(misbehaving.decode(b"segfault", FLAC)) == "DecoderCrashed"
        return works(misbehaving)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))


def test_nothing_remains(deaths: list[str]) -> None:
    with DecoderSandbox(3, SMALL, on_death=deaths.append, decoder=DECODER) as sandbox:
        for action in (b"segfault", b"exit", b"bomb"):
            sandbox.decode(action, FLAC)
        until(lambda: len(child_processes()) == 4)
        members = child_processes()
    assert len(deaths) == 6
    until(lambda: not any(process.is_running() for process in members))


WORKER = """
import sys, threading, time
from schemas import MediaType
from streams.sandbox import DecoderSandbox
from tests.support.misbehaving import DECODER
sandbox = DecoderSandbox(3, timeout=600, decoder=DECODER)
sandbox.start()
threading.Thread(target=sandbox.decode, args=(sys.argv[1].encode(), MediaType("audio/flac")), daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("busy_with", ["be good", "sleep", "spin"])
def test_a_killed_worker_leaves_no_children(busy_with: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    worker = subprocess.Popen([sys.executable, "-c", WORKER, busy_with], stdout=subprocess.PIPE, env=environment)
    assert worker.stdout is not None
    with worker.stdout:
        assert worker.stdout.readline() == b"ready\n"
        members = child_processes(worker.pid)
        assert len(members) == 4
        worker.kill()
        worker.wait()
    until(lambda: not any(process.is_running() for process in members))


def test_signals_to_the_whole_group_leave_the_children_to_the_worker(misbehaving: DecoderSandbox) -> None:
    for process in child_processes():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
    time.sleep(0.1)
    assert works(misbehaving)


def test_without_the_fork_server_no_file_is_refused(deaths: list[str]) -> None:
    sandbox = DecoderSandbox(1, SMALL, on_death=deaths.append, decoder=DECODER)
    sandbox.start()
    try:
        members = child_processes()
        for process in members:
            process.kill()
        members[0].wait()
        with pytest.raises(SandboxError):
            sandbox.decode(b"be good", FLAC)
    finally:
        sandbox.close()


def test_a_decoder_that_cannot_be_loaded_fails_at_the_start(capfd: pytest.CaptureFixture[str]) -> None:
    sandbox = DecoderSandbox(1, decoder="tests.support.misbehaving:nothing")
    with pytest.raises(SandboxError):
        sandbox.start()
    sandbox.close()
    assert "nothing" in capfd.readouterr().err


def test_calls_from_many_threads_share_what_is_ready(genuine: DecoderSandbox) -> None:
    audio = encode_as(speech(0.2), "audio/flac")
    expected = decode(audio, FLAC)
    assert isinstance(expected, Clip)
    barrier = threading.Barrier(4)

    def work(_: int) -> str:
        barrier.wait()
        answer = genuine.decode(audio, FLAC)
        assert isinstance(answer, Clip)
        return answer.pcm_sha256

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(8))) == {expected.pcm_sha256}
