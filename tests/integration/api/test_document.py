"""The running API does what its document says, whatever schemathesis asks; and nothing makes it fail."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integration.api import raw_bodies
from tests.support.api_process import ApiProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def run(api: ApiProcess, tmp_path: Path, role_key: str, examples: int) -> None:
    """Ask all operations by all checks, and follow the links."""
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"),
            *(f"--max-examples={examples}", "--seed=7", "--generation-database=none", "--no-color"),
            # It takes the credential for a parameter, which the option adds again; test_access.py has that.
            "--exclude-checks=missing_required_header",
            *("--exclude-path=/v1/events", f"--header=Authorization: Bearer {role_key}"),
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
    assert "Stateful" in finished.stdout
    assert "request_failed" not in api.log.read_text()
    metrics = httpx.get(f"{api.url}/metrics").text
    for method, route, status in (("POST", "/v1/recordings", 202), ("GET", "/v1/recordings/{id}", 200)):
        assert (
            f'requests_total{{method="{method}",route="{route}",status="{status}"}}' in metrics
        )  # nothing was in vain


def test_the_api_does_what_its_document_says(guarded: ApiProcess, keys: dict[str, str], tmp_path: Path) -> None:
    run(guarded, tmp_path, keys["sender-all"], 5)


@pytest.mark.long
def test_the_api_does_what_its_document_says_in_many_cases(
    guarded: ApiProcess, keys: dict[str, str], tmp_path: Path
) -> None:
    run(guarded, tmp_path, keys["sender-all"], 100)
