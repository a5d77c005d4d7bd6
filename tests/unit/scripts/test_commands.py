import os
import pty
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiokafka.errors import KafkaError

from scripts.cli import run
from scripts.commands import emit, listen, policy, topics
from tests.chaos.workers import ROOT
from tests.support.events import COMPRESSED


@pytest.fixture
def nobody() -> str:
    """An address at which no broker listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def wav_file(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.zeros(8000, np.int16), 8000)
    return path


@pytest.mark.parametrize(
    "name", ["call-1", "../../etc/passwd", "/etc/passwd", "..", "a/b", "\u202e", "-rf", "x" * 255, "M\u00fcnchen"]
)
def test_no_id_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "saved"
    path = listen.save(replace(COMPRESSED, hotel_id=name, call_id=name, sequence=3, channel="guest"), directory)
    assert path.parent.parent.parent == directory
    assert path.resolve().parent.parent.parent == directory.resolve()
    assert path.name == "guest-3.ogg"
    assert path.read_bytes() == COMPRESSED.audio


def test_the_usual_name_is_hotel_call_channel_and_sequence(tmp_path: Path) -> None:
    saved = listen.save(replace(COMPRESSED, sequence=0, channel="agent"), tmp_path)
    assert saved == tmp_path / "seaside" / "call-1" / "agent-0.ogg"
    assert listen.save(replace(COMPRESSED, content_type="audio/flac"), tmp_path).name == "any-o7.flac"


def test_different_ids_get_different_files(tmp_path: Path) -> None:
    assert listen.save(replace(COMPRESSED, call_id="a/b"), tmp_path) != listen.save(
        replace(COMPRESSED, call_id="a:b"), tmp_path
    )


def test_nothing_is_overwritten_and_nothing_saved_twice(tmp_path: Path) -> None:
    first = listen.save(COMPRESSED, tmp_path)
    other = listen.save(replace(COMPRESSED, audio=b"other"), tmp_path)
    again = listen.save(COMPRESSED, tmp_path)
    assert (first.read_bytes(), other.read_bytes()) == (COMPRESSED.audio, b"other")
    assert again == first


def test_links_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    call = tmp_path / "seaside" / "call-1"
    call.mkdir(parents=True)
    (call / "any-0.ogg").symlink_to(target)
    saved = listen.save(replace(COMPRESSED, sequence=0), tmp_path)
    assert (saved.name, target.exists()) == ("any-0.2.ogg", False)


@pytest.mark.parametrize(
    "command",
    [
        "topics apply",
        "topics check",
        "listen --count 1",
        "emit",
        "policy show",
        "policy set --hotel h --ceiling-level 4",
    ],
)
def test_no_broker_is_one_clear_line(
    command: str, nobody: str, capsys: pytest.CaptureFixture[str], wav_file: Path
) -> None:
    name, *arguments = command.split()
    if name == "emit":
        arguments = [str(wav_file), "--hotel", "seaside", "--call", "call-1"]
    main = {"topics": topics.main, "listen": listen.main, "emit": emit.main, "policy": policy.main}[name]
    assert main([*arguments, "--bootstrap-servers", nobody]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{name}: no Kafka broker answers at {nobody}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("missing.wav", None, "No such file"),
        ("noise.wav", b"\xd5\x55\x80\x90" * 100, "noise.wav"),
        ("call.txt", b"this is no audio", "this is text"),
        ("call", b"\xd5\x55\x80\x90" * 100, "--suffix .ulaw"),
    ],
)
def test_a_file_that_cannot_be_sent_is_named(
    name: str, content: bytes | None, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert emit.main([str(tmp_path / name), "--hotel", "seaside", "--call", "call-1"]) == 1
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "named"),
    [("sparse", "1024 MiB"), ("pipe", "regular"), ("directory", "no audio in"), ("device", "regular")],
)
def test_what_would_never_end_is_not_read(
    kind: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "endless.wav"
    match kind:
        case "sparse":
            with path.open("wb") as file:
                file.truncate(3 * 2**30)
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case _:
            path.symlink_to("/dev/zero")
    began = time.monotonic()
    assert emit.main([str(path), "--hotel", "seaside", "--call", "call-1"]) == 1
    assert time.monotonic() - began < 5
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--count", "-1"], ["--count", "0"], ["--count", "x"], ["--timeout", "-1"], ["--timeout", "nan"]]
)
def test_listening_for_less_than_nothing_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        listen.main(arguments)
    assert error.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ValueError("not UTF-8"), 1, "name: what the brokers sent cannot be read (ValueError: not UTF-8)"),
        (TimeoutError(), 1, "name: the Kafka brokers stopped answering"),
        (KafkaError("no"), 1, "name: Kafka: KafkaError: no"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_goes_wrong_is_one_line(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> int:
        raise error

    assert run("name", work()) == code
    assert capsys.readouterr().err.strip() == says


def test_output_that_nobody_reads_is_no_traceback() -> None:
    code = (
        "from scripts.cli import run\n"
        "async def work():\n"
        "    while True: print('line')\n"
        "raise SystemExit(run('name', work()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


@pytest.mark.parametrize(
    "arguments", [[], ["apply", "--replication", "0"], ["apply", "--bootstrap-servers", "nowhere"]]
)
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        topics.main(arguments)
    assert error.value.code == 2


def test_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", nobody)
    assert topics.main(["check"]) == 1
    assert nobody in capsys.readouterr().err


def test_output_beside_a_progress_bar_goes_where_it_should(tmp_path: Path) -> None:
    code = (
        "from scripts.cli import progress_bar\n"
        "with progress_bar() as progress:\n"
        "    bar = progress.add_task('inputs', total=2)\n"
        "    print('a line', flush=True)\n"
        "    progress.advance(bar)"
    )
    terminal, its_end = pty.openpty()
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=out, stderr=its_end, check=True)
    os.close(its_end)
    assert (tmp_path / "out").read_text() == "a line\n"
    assert b"inputs" in os.read(terminal, 10_000)
    os.close(terminal)
