"""The command `hotel-audio`, in an environment with what a client needs and in one with everything."""

import shutil
import subprocess
import wave
from pathlib import Path

import pytest

from infra.docker.image import version as project_version
from tests.support.installed import Installed

pytestmark = pytest.mark.xdist_group("wheels")

COMMANDS = {
    "access",
    "api",
    "api-keys",
    "audit",
    "calls",
    "completion",
    "compress",
    "dead-letters",
    "demo",
    "doctor",
    "emit",
    "erase",
    "export",
    "final-validation",
    "kafka",
    "keys",
    "lag",
    "listen",
    "metrics",
    "mirror",
    "monitoring",
    "policy",
    "prove-erasure",
    "refusals",
    "stores",
    "topics",
    "worker",
}
#: Asks bash what it would complete.
COMPLETE = """
source "$1"
COMP_WORDS=(hotel-audio "${@:2}") COMP_CWORD=$(($# - 1)) COMP_LINE="hotel-audio ${*:2}" COMP_POINT=${#COMP_LINE}
"$(complete -p hotel-audio | sed 's/.* -F \\([^ ]*\\) .*/\\1/')" hotel-audio "${@: -1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_the_version_is_the_package_s(client: Installed) -> None:
    done = client.run(client.command, "--version")
    assert (done.returncode, done.stdout) == (0, f"hotel-audio {project_version()}\n")


def test_help_lists_every_command(client: Installed) -> None:
    done = client.run(client.command, "--help")
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ") and line[4] != " "}
    assert listed - {"NAME"} == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_helps_without_any_codec(client: Installed, name: str) -> None:
    done = client.run(client.command, name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: hotel-audio {name} ")
    assert "scripts/" not in done.stdout


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["--nonsense"], ["topics"], ["topics", "nonsense"]])
def test_wrong_usage_is_told_with_code_2(client: Installed, arguments: list[str]) -> None:
    done = client.run(client.command, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: hotel-audio")


@pytest.mark.parametrize(
    "arguments",
    ["worker", "calls export --out x", "compress x.wav", "emit x.wav --hotel h --call c", "demo", "metrics"],
)
def test_what_is_not_installed_is_told_in_one_line(client: Installed, arguments: str) -> None:
    done = client.run(client.command, *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"hotel-audio {arguments.split(maxsplit=1)[0]}: the Python package ")
    assert done.stderr.endswith("install 'hotel-audio-streams[worker]', which brings it\n")
    assert done.stderr.count("\n") == 1


def test_exit_codes_and_messages_are_the_commands(client: Installed) -> None:
    done = client.run(client.command, "topics", "check", "--bootstrap-servers", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("topics: no Kafka broker answers at 127.0.0.1:1; start one with hotel-audio kafka up")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["dead"], {"dead-letters"}),
        (["topics", ""], {"apply", "check", "grow"}),
        (["policy", "s"], {"show", "set"}),
        (["topics", "apply", "--rep"], {"--replication"}),
        (["compress", "--format", "f"], {"flac"}),
        (["compress", "recording"], {"recording.wav"}),
    ],
)
def test_bash_completes(client: Installed, tmp_path: Path, typed: list[str], completed: set[str]) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(client.run(client.command, "completion", "bash").stdout)
    (tmp_path / "recording.wav").touch()
    command = ["bash", "-c", COMPLETE, "bash", str(script), *typed]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {word.strip() for word in done.stdout.splitlines()} == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_scripts_with_every_command(client: Installed, shell: str) -> None:
    done = client.run(client.command, "completion", shell)
    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


def test_a_closed_pipe_leaves_no_traceback(client: Installed) -> None:
    command = f"{client.command} completion bash | true; exit ${{PIPESTATUS[0]}}"
    done = client.run(shutil.which("bash") or "bash", "-c", command)
    assert (done.stderr, done.returncode) == ("", 141)


def test_a_recording_is_compressed_where_nothing_can_be_compiled(worker: Installed) -> None:
    with wave.open(str(worker.workspace / "silence.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000))
    done = worker.run(worker.command, "compress", "silence.wav", "--out", "smaller")
    assert done.returncode == 0, done.stderr
    assert [path.stem for path in (worker.workspace / "smaller").iterdir()] == ["silence"]


def test_a_worker_without_its_kernels_says_so(client: Installed, worker: Installed) -> None:
    code = "import sys; sys.modules['hotel_audio.native._kernels'] = None; "
    code += "from hotel_audio.scripts.hotel_audio import main; sys.exit(main(['compress', 'x.wav']))"
    done = worker.run(worker.python, "-P", "-c", code)
    assert done.returncode == 2
    assert "hotel_audio.native is not compiled" in done.stderr
    assert done.stderr.count("\n") == 1
