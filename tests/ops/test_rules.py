"""The rules as Prometheus reads them: each is well formed, tested, and has a section in the runbook."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.monitoring.configuration import Monitoring, render
from infra.monitoring.programs import ensure_programs

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "infra" / "prometheus").glob("*.rules.yml"))
TESTS = sorted((ROOT / "infra" / "prometheus").glob("*.test.yml"))


def rules(kind: str) -> list[dict[str, Any]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def checks() -> Iterator[dict[str, Any]]:
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            yield from test["alert_rule_test"]


CHECKS = list(checks())
ALERTS = {rule["alert"]: rule for rule in rules("alert")}


def promtool(*arguments: str) -> None:
    done = subprocess.run([*ensure_programs(print).promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_its_configuration_and_every_rule(tmp_path: Path) -> None:
    render(tmp_path, Monitoring(workers=["worker-1:8080", "worker-2:8080"], workers_minimum=2))
    promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert "vector(2)" in (tmp_path / "fleet.rules.yml").read_text()


def test_any_prometheus_takes_the_rules_as_they_are() -> None:
    promtool("check", "rules", *map(str, RULES))


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", *map(str, TESTS))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alerts_tests_have_times_at_which_it_fires_and_times_at_which_it_does_not(name: str) -> None:
    expected = [check["exp_alerts"] for check in CHECKS if check["alertname"] == name]
    assert any(expected)
    assert not all(expected)


def test_the_owners_questions_and_limits_are_there_by_name() -> None:
    recorded = {rule["record"] for rule in rules("record")}
    assert recorded >= {
        "audio_cache_hit_rate",
        "audio_compression_ratio",
        "audio_processing_latency_p95",
        "audio_memory_usage",
        "audio_error_rate",
    }
    owners = {
        "AudioCacheHitRateLow": ("audio_cache_hit_rate < 0.7", "warning"),
        "AudioProcessingSlow": ("audio_processing_latency_p95 > 0.2", "critical"),
        "AudioMemoryHigh": ("audio_memory_usage > 0.8", "warning"),
        "AudioErrorRateHigh": ("audio_error_rate > 0.05", "warning"),
    }
    for name, (condition, severity) in owners.items():
        assert ALERTS[name]["expr"].strip().startswith(condition)
        assert ALERTS[name]["labels"]["severity"] == severity


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["labels"]["about"]
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    document, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text(), re.MULTILINE)
    assert anchor in [heading.lower().replace(" ", "-") for heading in headings]
