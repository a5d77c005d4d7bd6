"""The demo with `--secure`, run as a user runs it."""

import json
from pathlib import Path

import pytest

from tests.e2e.test_demo import demo


@pytest.mark.long
@pytest.mark.timeout(400)
def test_on_a_secure_kafka_accounts_do_what_they_may(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = demo("", tmp_path, "--secure", "--json", str(report))
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    assert (told["lost"], told["duplicated"], told["faults"]) == (0, 0, [])
    assert told["records_in"] == told["results"] + told["dead_letters"] > 400
    assert all(one["answer"] for one in told["secure"]["refused"])
    steps = {one["act"]: one["answer"] for one in told["secure"]["sealing"]["steps"]}
    assert "s of " in steps["open it with the key store"]
    assert steps["open it without the key store"].startswith("SealedNoAccess")
    assert steps["open it with the key store afterwards"].startswith("SealedErased")
    assert told["secure"]["sealing"]["headers"]["ce_seal"] == "1"
    assert "SASL_SSL" in done.stdout
    assert "refuses the account worker, or its" in done.stdout
    assert "access-grant" in done.stdout


def test_a_secure_demo_takes_no_other_kafka(tmp_path: Path) -> None:
    done = demo("127.0.0.1:1", tmp_path, "--secure")
    assert (done.returncode, done.stdout) == (1, "")
    assert "demo: --secure starts a Kafka with accounts of its own: unset KAFKA_BOOTSTRAP_SERVERS" in done.stderr
