"""The running API does what its document says, whatever schemathesis asks; and nothing makes it fail."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.api import raw_bodies
from tests.support.api_process import ApiProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


MANY = 100  # examples
Ask = Callable[[ApiProcess, Path, dict[str, str], int], None]
#: What a sender may not do, and an operator may.
OF_OPERATORS = "^/v1/(dead-letters|replays|policies)"


def run(api: ApiProcess, tmp_path: Path, role_key: str, examples: int, *which: str) -> str:
    """Ask operations by all checks, and follow the links; what schemathesis says."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"),
            *(f"--max-examples={examples}", "--seed=7", "--generation-database=none", "--no-color"),
            # It takes the credential for a parameter, which the option adds again; test_access.py has that.
            "--exclude-checks=missing_required_header",
            *("--exclude-path=/v1/events", f"--header=Authorization: Bearer {role_key}"),
            *which,
            f"{api.url}/openapi.json",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": raw_bodies.__name__},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
    assert "request_failed" not in api.log.read_text()
    return finished.stdout


def as_sender(api: ApiProcess, tmp_path: Path, keys: dict[str, str], examples: int) -> None:
    """Ask as a sender; nothing is in vain."""
    said = run(api, tmp_path, keys["sender-all"], examples, f"--exclude-path-regex={OF_OPERATORS}")
    assert "Stateful" in said
    assert_answered(api, ("POST", "/v1/recordings", 202), ("GET", "/v1/recordings/{id}", 200))


def as_operator(api: ApiProcess, tmp_path: Path, keys: dict[str, str], examples: int) -> None:
    """Ask as an operator what a sender may not; as above. These operations have no links.

    A policy has many properties, each of which has its cases; they are for the long test.
    """
    phases = "fuzzing" if examples < MANY else "coverage,fuzzing"
    which = f"--include-path-regex={OF_OPERATORS}"
    run(api, tmp_path, keys["operator-all"], examples, which, f"--phases={phases}")
    assert_answered(api, ("GET", "/v1/dead-letters", 200), ("POST", "/v1/replays", 200))
    assert_answered(api, ("PUT", "/v1/policies/{hotel}", 201))


def assert_answered(api: ApiProcess, *expected: tuple[str, str, int]) -> None:
    """Make sure that there was each of some answers."""
    metrics = httpx.get(f"{api.url}/metrics").text
    for method, route, status in expected:
        assert f'requests_total{{method="{method}",route="{route}",status="{status}"}}' in metrics


@pytest.mark.parametrize("ask", [as_sender, as_operator])
def test_the_api_does_what_its_document_says(
    guarded: ApiProcess, keys: dict[str, str], tmp_path: Path, ask: Ask
) -> None:
    ask(guarded, tmp_path, keys, 5)


@pytest.mark.long
@pytest.mark.parametrize("ask", [as_sender, as_operator])
def test_the_api_does_what_its_document_says_in_many_cases(
    guarded: ApiProcess, keys: dict[str, str], tmp_path: Path, ask: Ask
) -> None:
    ask(guarded, tmp_path, keys, MANY)
