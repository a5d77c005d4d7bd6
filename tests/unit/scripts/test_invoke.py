"""Commands whose output is closed before its end, as by `| head -1`, and whose environment has mistakes."""

import os
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AUDIO_GRUOP": "g"}, "topics: AUDIO_GRUOP is no setting; did you mean AUDIO_GROUP?"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, "topics: KAFKA_SECURITY_PROTOCOL=SSL: not supported yet"),
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
