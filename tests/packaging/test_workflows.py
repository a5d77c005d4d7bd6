"""The forge's workflows: their form, what they may do, and that they call what there is."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from infra.directories import cache_directory
from scripts.commands import final_validation, release
from tests.chaos.workers import ROOT

FOLDER = ROOT / ".github"
WORKFLOWS = sorted(FOLDER.glob("workflows/*.yml"))
ACTIONS = sorted(FOLDER.glob("actions/*/action.yml"))
PROGRAMS = Path(sys.executable).parent
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
PINNED = re.compile(r"uses: ([\w./-]+)@(\S+)(.*)")


def found_by(program: str, *arguments: str) -> str:
    """What a program of the environment finds; nothing if it is content."""
    return output_of([str(PROGRAMS / program), *arguments])


def output_of(command: Sequence[str]) -> str:
    path = os.pathsep.join((str(PROGRAMS), os.environ["PATH"]))
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "files"), [("vendor.github-workflows", WORKFLOWS), ("vendor.github-actions", ACTIONS)]
)
def test_they_are_as_the_forge_reads_them(schema: str, files: list[Path]) -> None:
    assert files
    assert found_by("check-jsonschema", "--builtin-schema", schema, *map(str, files)) == ""


def test_they_may_do_no_more_than_they_need() -> None:
    assert found_by("zizmor", "--offline", "--no-progress", "--quiet", "--persona=pedantic", str(FOLDER)) == ""


@pytest.mark.skipif(shutil.which("go") is None, reason="actionlint is built with Go")
def test_their_expressions_and_commands_are_sound() -> None:
    programs = cache_directory() / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    with (programs / "actionlint.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (programs / "actionlint").exists():
            environment = {**os.environ, "GOBIN": str(programs)}
            subprocess.run(["go", "install", ACTIONLINT], env=environment, check=True, timeout=240)
    assert output_of([str(programs / "actionlint"), *map(str, WORKFLOWS)]) == ""


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: file.parent.name + "/" + file.name)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(file: Path) -> None:
    for action, commit, comment in PINNED.findall(file.read_text()):
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", comment), action


def test_one_action_has_one_commit() -> None:
    pinned = {match for file in [*WORKFLOWS, *ACTIONS] for match in PINNED.findall(file.read_text())}
    assert len(pinned) == len({action for action, _, _ in pinned})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_job_has_least_permissions_and_an_end(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    assert [name for name, job in workflow["jobs"].items() if "uses" not in job and "timeout-minutes" not in job] == []


def test_only_what_deploys_reaches_an_environment_and_production_follows_staging() -> None:
    jobs = yaml.safe_load((FOLDER / "workflows" / "release.yml").read_text())["jobs"]
    assert {name: job["environment"] for name, job in jobs.items() if "environment" in job} == {
        "staging": "staging",
        "production": "production",
    }
    assert "ci" in jobs["push"]["needs"]
    assert "push" in jobs["staging"]["needs"]
    assert "staging" in jobs["production"]["needs"]
    assert "production" in jobs["publish"]["needs"]


def test_the_scripts_that_they_call_are_there() -> None:
    texts = [file.read_text() for file in [*WORKFLOWS, *ACTIONS]]
    called = {match for text in texts for match in re.findall(r"(?:\./)?((?:scripts|\.ci)/[\w.]+)", text)}
    assert {"scripts/deploy", "scripts/final_validation.py", "scripts/release", "scripts/image", ".ci/run"} <= called
    assert [name for name in sorted(called) if not (ROOT / name).exists()] == []


def help_of(main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(["--help"])
    return capsys.readouterr().out


def test_the_validation_is_called_with_options_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    usage = help_of(final_validation.main, capsys)
    (deploy,) = ACTIONS
    _, called = deploy.read_text().split("scripts/final_validation.py")
    options = set(re.findall(r"--[a-z]+-?[a-z]*", called))
    assert options >= {"--prometheus-url", "--alertmanager-url", "--json"}
    assert [option for option in sorted(options) if option not in usage] == []


def test_the_release_is_called_as_its_help_says(capsys: pytest.CaptureFixture[str]) -> None:
    usage = help_of(release.main, capsys)
    texts = "\n".join(file.read_text() for file in WORKFLOWS)
    for action, option in re.findall(r"\./scripts/release (\w+)(?: (--\w+))?", texts):
        assert action in usage
        assert option in usage
