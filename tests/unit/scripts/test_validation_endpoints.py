"""What a validation says of HTTP endpoints: sound ones, broken ones, and those of something else."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.ports import free_ports
from scripts.validation.alertmanager import check_alertmanager, judge_receivers
from scripts.validation.certificates import check_certificates
from scripts.validation.finding import Finding, Report, Status, failed, not_checked, passed
from scripts.validation.grafana import check_grafana
from scripts.validation.prometheus import check_prometheus, judge_alerts, judge_rules, judge_targets, rule_names
from scripts.validation.web import Web
from scripts.validation.workers import check_workers
from tests.support.certificate import write_certificate
from tests.support.web_endpoint import DRIPS, HANGS, serving

WEB = Web(timeout=5)
HASTY = Web(timeout=0.3)
HTML = (200, "<html><body>Welcome to nginx!</body></html>")
METRICS = """\
# TYPE audio_build_info gauge
audio_build_info{version="1.2.3",python="3.11",faust="0.15",aiokafka="0.14"} 1.0
audio_ready{condition="assigned"} 1.0
audio_partitions_unservable 0.0
audio_topics_missing 0.0
audio_lag_seconds{topic="audio.raw",partition="0"} 0.0
audio_partition_assigned{topic="audio.raw",partition="0"} 1.0
audio_partition_assigned{topic="audio.raw",partition="1"} 0.0
"""
WORKER: dict[str, Any] = {
    "/health/live": {"live": True},
    "/health/ready": {"ready": True, "assigned": True},
    "/metrics": (200, METRICS),
    "/admin/audio/status": {"versions": {}, "cache": {"entries": 0}},
}
WORD = "0123456789abcdef"


def told(findings: list[Finding]) -> dict[str, tuple[str, str]]:
    return {one.subject: (one.status.name, one.detail) for one in findings}


async def of_worker(answers: dict[str, Any], token: str | None = None, web: Web = WEB) -> tuple[str, str]:
    with serving(answers) as worker:
        findings = await check_workers(web, [f"{worker.url}/"], token)
        return told(findings)[f"127.0.0.1:{worker.server_port}"]


async def test_a_sound_worker_passes() -> None:
    assert await of_worker(WORKER, WORD) == ("PASSED", "ready, 1 partition")


@pytest.mark.parametrize(
    ("path", "answer", "detail"),
    [
        ("/health/live", (500, "broken"), "/health/live answers 500"),
        ("/health/ready", (503, '{"ready": false, "assigned": false}'), "is not ready: assigned"),
        ("/health/ready", {"status": "up"}, "/health/ready answers 200 and not that the worker is ready"),
        ("/health/ready", HTML, "answers 200 and no JSON: '<html><body>Welcome to nginx!</body></ht'"),
        ("/health/ready", [], "/health/ready answers 200 and not that the worker is ready"),
        ("/metrics", HTML, "/metrics has no audio_build_info: this is no worker"),
        ("/metrics", (200, METRICS.replace('assigned"} 1', 'assigned"} 0')), "audio_ready is not 1: assigned"),
        ("/metrics", (200, METRICS.replace("missing 0", "missing 2")), "audio_topics_missing is 2 and must be 0"),
        ("/metrics", (200, METRICS.replace("lag_seconds", "x")), "/metrics has no audio_lag_seconds"),
        ("/admin/audio/status", (401, "{}"), "/admin/audio/status refuses AUDIO_ADMIN_TOKEN"),
        ("/admin/audio/status", {"cache": {"error": "OSError"}}, "the status has errors in cache"),
    ],
)
async def test_a_worker_that_is_not_sound_fails(path: str, answer: Any, detail: str) -> None:
    status, found = await of_worker(WORKER | {path: answer}, WORD)
    assert status == "FAILED"
    assert found.startswith(detail)


async def test_a_status_that_is_not_served_is_not_missed() -> None:
    assert (await of_worker(WORKER | {"/admin/audio/status": (404, "")}, WORD))[0] == "PASSED"


async def test_metrics_that_a_proxy_closes_are_not_checked() -> None:
    with serving(WORKER | {"/metrics": (403, "{}")}) as proxy:
        findings = told(await check_workers(WEB, [proxy.url], None))
    place = f"127.0.0.1:{proxy.server_port}"
    assert findings[place] == ("PASSED", "ready")
    assert findings[f"{place}/metrics"][0] == findings["release"][0] == "NOT_CHECKED"


@pytest.mark.parametrize("answer", [HANGS, DRIPS], ids=["hangs", "drips"])
async def test_an_endpoint_that_does_not_end_its_answer_is_given_up(answer: object) -> None:
    began = time.monotonic()
    status, found = await of_worker(WORKER | {"/metrics": answer}, web=HASTY)
    assert (status, found) == ("FAILED", "has not answered within 0.3 s")
    assert time.monotonic() - began < 4


async def test_a_worker_that_is_not_there_fails_with_the_reason() -> None:
    findings = told(await check_workers(WEB, [f"http://127.0.0.1:{free_ports(1)}"], None))
    assert ("FAILED", "does not answer (Connection refused)") in findings.values()
    assert findings["release"][0] == "NOT_CHECKED"


async def test_workers_of_different_releases_fail() -> None:
    other = WORKER | {"/metrics": (200, METRICS.replace("1.2.3", "1.3.0"))}
    with serving(WORKER) as one, serving(other) as two:
        findings = told(await check_workers(WEB, [one.url, two.url], None))
    assert findings["release"] == ("FAILED", "workers have different releases: 1.2.3, 1.3.0")


async def test_what_is_not_given_is_not_checked() -> None:
    findings = [
        *await check_workers(WEB, [], None),
        *await check_prometheus(WEB, None, None, (), 0),
        *await check_alertmanager(WEB, None),
        *await check_grafana(WEB, None, None),
        *await check_certificates(WEB, ["http://127.0.0.1:1"]),
    ]
    assert {one.status for one in findings} == {Status.NOT_CHECKED}
    assert not Report(findings, 1.0).succeeded


def test_a_report_counts_what_was_checked() -> None:
    report = Report([passed("a", "b", ""), failed("a", "c", "", ""), not_checked("a", "d", "")], 1.5)
    assert not report.succeeded
    assert report.success_rate == 0.5
    assert {name: report.as_json()[name] for name in ("passed", "failed", "not_checked")} == {
        "passed": 1,
        "failed": 1,
        "not_checked": 1,
    }
    assert Report([passed("a", "b", "")], 1.0).succeeded


GROUPS = [{"rules": [{"name": name, "health": "ok"} for name in sorted(rule_names())]}]
UP = {"labels": {"job": "audio-workers", "instance": "a"}, "health": "up", "lastError": ""}
ALERT = {"state": "firing", "labels": {"alertname": "AudioNoProgress", "severity": "critical"}}
PROMETHEUS: dict[str, Any] = {
    "/metrics": (200, "prometheus_config_last_reload_successful 1\n"),
    "/api/v1/status/buildinfo": {"data": {"version": "2.42.0"}},
    "/api/v1/rules": {"data": {"groups": GROUPS}},
    "/api/v1/targets?state=active": {"data": {"activeTargets": [UP]}},
    "/api/v1/alerts": {"data": {"alerts": []}},
    "/api/v1/alertmanagers": {"data": {"activeAlertmanagers": [{"url": "http://a"}]}},
}


async def of_prometheus(answers: dict[str, Any], workers: int | None = None) -> dict[str, tuple[str, str]]:
    with serving(answers) as prometheus:
        return told(await check_prometheus(WEB, prometheus.url, workers, (), 0))


async def test_a_sound_prometheus_passes() -> None:
    findings = await of_prometheus(PROMETHEUS, 1)
    assert {status for status, _ in findings.values()} == {"PASSED"}
    assert findings["rules"][1] == f"all {len(rule_names())}"


@pytest.mark.parametrize(
    ("path", "answer", "subject", "detail"),
    [
        ("/metrics", (200, "prometheus_config_last_reload_successful 0\n"), "configuration", "the last configuration"),
        ("/api/v1/rules", {"data": {"groups": []}}, "rules", "not loaded: Audio"),
        ("/api/v1/rules", HTML, "rules", "answers 200 and no JSON"),
        ("/api/v1/rules", {"error": "x"}, "rules", "answers something else than Prometheus does"),
        ("/api/v1/targets?state=active", {"data": {"activeTargets": []}}, "targets", "there is no target in the job"),
        ("/api/v1/alerts", {"data": {"alerts": [ALERT]}}, "alerts", "fires: AudioNoProgress"),
        ("/api/v1/alerts", (503, "starting"), "alerts", "answers 503 instead of 200"),
        ("/api/v1/alertmanagers", {"data": {"activeAlertmanagers": []}}, "Alertmanager", "sends alerts nowhere"),
    ],
)
async def test_a_prometheus_that_is_not_sound_fails(path: str, answer: Any, subject: str, detail: str) -> None:
    findings = await of_prometheus(PROMETHEUS | {path: answer})
    assert {name for name, (status, _) in findings.items() if status == "FAILED"} == {subject}
    assert findings[subject][1].startswith(detail)


def test_a_missing_rule_and_one_with_an_error_are_named() -> None:
    rules = [{"name": "one", "health": "err"}]
    assert judge_rules([{"rules": rules}], ["one", "two"]).detail == "not loaded: two; cannot be evaluated: one"


@pytest.mark.parametrize(
    ("targets", "workers", "detail"),
    [
        ([UP, UP | {"health": "down", "lastError": "refused"}], None, "not up: a (refused)"),
        ([UP], 2, "1 targets in the job audio-workers for 2 workers"),
        ([UP | {"labels": {"job": "node"}}], None, "there is no target in the job audio-workers"),
    ],
)
def test_targets_that_are_not_up_or_missing_fail(targets: list[Any], workers: int | None, detail: str) -> None:
    assert judge_targets(targets, workers).detail == detail


def test_only_critical_alerts_of_ours_that_are_not_known_fail() -> None:
    def alert(name: str, severity: str, state: str = "firing") -> dict[str, Any]:
        return {"state": state, "labels": {"alertname": name, "severity": severity}}

    harmless = [alert("Ours", "warning"), alert("Others", "critical"), alert("Ours", "critical", "pending")]
    assert judge_alerts(harmless, {"Ours"}) == passed("Prometheus", "alerts", "none critical; Ours")
    assert judge_alerts([alert("Ours", "critical")], {"Ours"}).status is Status.FAILED
    assert judge_alerts([alert("Ours", "critical")], {"Ours"}, {"Ours"}).status is Status.PASSED


ALERTMANAGER: dict[str, Any] = {
    "/metrics": (200, "alertmanager_config_last_reload_successful 1\n"),
    "/api/v2/status": {"config": {"original": "receivers:\n- name: critical\n  webhook_configs: []\n- name: info\n"}},
}


async def test_a_sound_alertmanager_passes() -> None:
    with serving(ALERTMANAGER) as server:
        findings = told(await check_alertmanager(WEB, server.url))
    assert findings == {"receivers": ("PASSED", "critical, info"), "configuration": ("PASSED", "loaded")}


@pytest.mark.parametrize("answer", [HTML, {}, {"config": {"original": "a: b: c"}}, (500, "")])
async def test_an_alertmanager_that_is_something_else_fails(answer: Any) -> None:
    with serving(ALERTMANAGER | {"/api/v2/status": answer}) as server:
        findings = await check_alertmanager(WEB, server.url)
    assert {one.status for one in findings} == {Status.FAILED}


def test_an_alertmanager_without_receivers_fails_and_a_silent_one_says_so() -> None:
    assert judge_receivers({"config": {"original": "route: {}"}}).status is Status.FAILED
    assert judge_receivers({"config": {"original": "receivers: [{name: a}]"}}).detail == "a; none sends anywhere"


GRAFANA: dict[str, Any] = {
    "/api/health": {"database": "ok", "version": "11.6.0"},
    "/api/dashboards/uid/hotel-audio": {"dashboard": {"title": "Hotel audio"}},
    "/api/datasources/uid/prometheus/health": {"status": "OK"},
}
CLOSED = {path: (401, "{}") for path in GRAFANA if path != "/api/health"}


async def test_a_sound_grafana_passes_and_gets_the_password() -> None:
    with serving(GRAFANA) as server:
        findings = await check_grafana(WEB, server.url, "secret")
        assert {one.status for one in findings} == {Status.PASSED}
        assert ("/api/dashboards/uid/hotel-audio", "Basic YWRtaW46c2VjcmV0") in server.asked
        assert ("/api/health", None) in server.asked


@pytest.mark.parametrize(("password", "status"), [(None, "NOT_CHECKED"), ("wrong", "FAILED")])
async def test_a_grafana_that_refuses_is_not_passed(password: str | None, status: str) -> None:
    with serving(GRAFANA | CLOSED) as server:
        findings = told(await check_grafana(WEB, server.url, password))
    assert {name: found[0] for name, found in findings.items()} == {
        "health": "PASSED",
        "dashboard": status,
        "data source": status,
    }


@pytest.mark.parametrize("answers", [{}, dict.fromkeys(GRAFANA, HTML), dict.fromkeys(GRAFANA, (200, "[]"))])
async def test_a_grafana_that_is_something_else_fails(answers: dict[str, Any]) -> None:
    with serving(answers) as server:
        findings = await check_grafana(WEB, server.url, None)
    assert {one.status for one in findings} == {Status.FAILED}


@pytest.mark.parametrize(
    ("days", "trusted", "detail"),
    [
        (30, True, "valid for 30 days"),
        (30, False, "its certificate is not valid: self-signed certificate in certificate chain"),
        (1, True, "the certificate expires in 1.0 days"),
        (-0.5, True, "its certificate is not valid: certificate has expired"),
    ],
)
async def test_certificates_are_verified(days: float, trusted: bool, detail: str, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(certificate, key, dt.timedelta(days=days, minutes=1))
    web = Web(5, certificate if trusted else None)
    with serving(WORKER, (certificate, key)) as server:
        [finding] = await check_certificates(web, [server.url, f"{server.url}/again"])
        workers = await check_workers(web, [server.url], None)
    assert finding.detail == detail
    assert workers[0].status is (Status.PASSED if trusted and days > 0 else Status.FAILED)
