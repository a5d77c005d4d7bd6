"""Checks Prometheus: its configuration, our rules, the workers as targets, alerts that fire, and its Alertmanager."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from infra.monitoring.configuration import rule_files
from scripts.validation.exposition import parse
from scripts.validation.finding import Finding, Status, failed, judged, not_checked, passed
from scripts.validation.server import findings_of
from scripts.validation.web import Web

CHECK = "Prometheus"
_JOB = "audio-workers"  # rules and dashboard depend on this name too
_PAUSE = 0.5  # seconds between two looks at what takes time
_SHOWN = 3  # names in one line


@cache
def rule_names() -> frozenset[str]:
    """Names of all rules of infra/prometheus, alerts and recordings."""
    groups = [group for file in rule_files() for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return frozenset(rule.get("alert") or rule["record"] for group in groups for rule in group["rules"])


async def check_prometheus(
    web: Web, url: str | None, workers: int | None, known_alerts: Collection[str], patience: float
) -> list[Finding]:
    """Check a Prometheus.

    Args:
        web: How endpoints are asked.
        url: Its address; None checks nothing.
        workers: Number of workers that it has to scrape; None accepts any number but none.
        known_alerts: Names of alerts that may fire.
        patience: Seconds for targets to follow a change of the workers, and for a Prometheus that has just started.
    """
    if url is None:
        return [not_checked(CHECK, "rules, targets, alerts", "no --prometheus-url")]
    api = f"{url.rstrip('/')}/api/v1"
    checks = {
        "configuration": _configuration(web, url.rstrip("/")),
        "rules": _rules(web, api),
        "targets": _in_time(lambda: _targets(web, api, workers), patience),
        "alerts": _alerts(web, api, known_alerts),
        "Alertmanager": _in_time(lambda: _alertmanager(web, api), patience),
    }
    return await findings_of(CHECK, "--prometheus-url", checks)


def judge_rules(groups: Sequence[Mapping[str, Any]], wanted: Collection[str]) -> Finding:
    """Whether Prometheus has loaded rules and evaluates them without errors.

    Args:
        groups: As its API returns them.
        wanted: Names of the rules.
    """
    rules = [rule for group in groups for rule in group["rules"]]
    missing = sorted(set(wanted) - {rule["name"] for rule in rules})
    broken = sorted({rule["name"] for rule in rules if rule["name"] in wanted and rule["health"] == "err"})
    problems = [f"not loaded: {_some(missing)}"] if missing else []
    problems += [f"cannot be evaluated: {_some(broken)}"] if broken else []
    return judged(CHECK, "rules", problems, f"all {len(wanted)}", "load infra/prometheus/*.rules.yml")


def judge_targets(targets: Sequence[Mapping[str, Any]], workers: int | None) -> Finding:
    """Whether Prometheus scrapes all workers.

    Args:
        targets: Active targets of all jobs, as its API returns them.
        workers: Number of workers; None accepts any number but none.
    """
    ours = [one for one in targets if one["labels"].get("job") == _JOB]
    down = [f"{one['labels'].get('instance')} ({one['lastError'] or one['health']})" for one in ours if not _is_up(one)]
    problems = [] if ours else [f"there is no target in the job {_JOB}"]
    if workers is not None and ours and len(ours) != workers:
        problems.append(f"{len(ours)} targets in the job {_JOB} for {workers} workers")
    problems += [f"not up: {_some(down)}"] if down else []
    return judged(CHECK, "targets", problems, f"{len(ours)} up", f"open {_JOB} at /targets")


def judge_alerts(alerts: Sequence[Mapping[str, Any]], ours: Collection[str], known: Collection[str] = ()) -> Finding:
    """Whether a critical alert of ours fires.

    Args:
        alerts: Pending and firing ones, as Prometheus' API returns them.
        ours: Names of our alerts.
        known: Names of those that may fire.
    """
    firing = [one["labels"] for one in alerts if one["state"] == "firing" and one["labels"]["alertname"] in ours]
    critical = sorted({one["alertname"] for one in firing if one.get("severity") == "critical"} - set(known))
    others = sorted({labels["alertname"] for labels in firing} - set(critical))
    detail = f"none critical; {_some(others)}" if others else "none fires"
    problems = [f"fires: {_some(critical)}"] if critical else []
    return judged(CHECK, "alerts", problems, detail, "docs/MONITORING_RUNBOOK.md has a section for each alert")


async def _data(web: Web, url: str) -> Any:  # noqa: ANN401 - what the endpoint has
    return (await web.get_json(url))["data"]


async def _configuration(web: Web, url: str) -> Finding:
    page, told = await asyncio.gather(web.get(f"{url}/metrics"), _data(web, f"{url}/api/v1/status/buildinfo"))
    return judge_reload(CHECK, page.text, "prometheus", f"loaded; release {told['version']}")


def judge_reload(check: str, exposition: str, program: str, detail: str) -> Finding:
    """Whether a server of Prometheus' family uses the configuration that it was last given.

    Args:
        check: Kind of the check.
        exposition: Its own metrics as text.
        program: How its metrics' names begin.
        detail: What to say if so.
    """
    loaded = parse(exposition).get(f"{program}_config_last_reload_successful", [])
    problems = ["the last configuration could not be loaded"] if any(one.value != 1 for one in loaded) else []
    return judged(check, "configuration", problems, detail, f"read the log of {program}, which names the mistake")


async def _rules(web: Web, api: str) -> Finding:
    return judge_rules((await _data(web, f"{api}/rules"))["groups"], rule_names())


async def _in_time(look: Callable[[], Awaitable[Finding]], patience: float) -> Finding:
    """Look again until it passes: a Prometheus that has just started knows no targets and no Alertmanagers yet."""
    until = time.monotonic() + patience
    while True:
        finding = await look()
        if finding.status is Status.PASSED or time.monotonic() > until:
            return finding
        await asyncio.sleep(_PAUSE)


async def _targets(web: Web, api: str, workers: int | None) -> Finding:
    return judge_targets((await _data(web, f"{api}/targets?state=active"))["activeTargets"], workers)


async def _alerts(web: Web, api: str, known: Collection[str]) -> Finding:
    return judge_alerts((await _data(web, f"{api}/alerts"))["alerts"], rule_names(), known)


async def _alertmanager(web: Web, api: str) -> Finding:
    active = (await _data(web, f"{api}/alertmanagers"))["activeAlertmanagers"]
    if not active:
        return failed(
            CHECK, "Alertmanager", "sends alerts nowhere", "name an Alertmanager in Prometheus' configuration"
        )
    return passed(CHECK, "Alertmanager", f"alerts go to {len(active)}")


def _is_up(target: Mapping[str, Any]) -> bool:
    return bool(target["health"] == "up")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
