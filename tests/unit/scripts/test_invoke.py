"""Commands whose output is closed before its end, as by `| head -1`, and whose environment has mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.chaos.workers import ROOT


def closed_at_once(*command: str) -> tuple[int, str]:
    """The exit code and the errors of a command that finds its output closed."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-P", "-m", *command],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "scripts.invoke scripts.commands.metrics",
        "scripts.invoke scripts.commands.refusals",
        "scripts.invoke scripts.commands.settings",
        "scripts.invoke scripts.commands.completion bash",
        "scripts.invoke tests.commands.chaos --list",
        "scripts.hotel_audio metrics",
        "scripts.hotel_audio --help",
        "scripts.hotel_audio topics --help",
    ],
)
def test_a_closed_output_is_no_error(command: str) -> None:
    code, errors = closed_at_once(*command.split())
    assert errors == ""
    assert code in {0, 141}  # argparse itself ends with 0


@pytest.mark.parametrize(("output", "expected"), [("/dev/full", 1), ("&-", 0)])
def test_an_output_that_takes_nothing_is_no_traceback(output: str, expected: int) -> None:
    command = f'exec "$0" -P -m scripts.invoke scripts.commands.metrics >{output}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == expected
    assert done.stderr == ("the output: No space left on device\n" if expected else "")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AUDIO_GRUOP": "g"}, "topics: AUDIO_GRUOP is no setting; did you mean AUDIO_GROUP?"),
        ({"KAFKA_SASL_USERNAME": "worker"}, "topics: KAFKA_SASL_... is set, but KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
        (
            {"KAFKA_SSL_CAFILE": "absent", "KAFKA_SECURITY_PROTOCOL": "SSL"},
            "topics: KAFKA_SSL_CAFILE=absent cannot be read",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_told(variables: dict[str, str], says: str) -> None:
    command = [sys.executable, "-m", "scripts.commands.topics", "check", "--bootstrap-servers", "127.0.0.1:1"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith(says)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["scripts.invoke scripts.commands.compress", "scripts.hotel_audio compress"])
@pytest.mark.parametrize("environ", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_names_of_files_do_not_depend_on_the_language(command: str, environ: dict[str, str], tmp_path: Path) -> None:
    recording = tmp_path / "Höme dir" / "mein Gast \u2013 1.wav"
    recording.parent.mkdir()
    soundfile.write(recording, np.zeros(8000, np.int16), 8000)
    out = tmp_path / "kleiner \u00e9"
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command.split(), str(recording), "--out", str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"mein Gast" in done.stdout
    assert [path.stem for path in out.iterdir()] == [recording.stem]
