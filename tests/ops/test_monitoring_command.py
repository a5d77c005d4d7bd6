"""`./scripts/monitoring` from up to down, and its error messages."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kafka.ports import free_ports
from scripts.commands import monitoring


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Options that choose free ports; the processes started on them end with the test."""
    monkeypatch.setenv("AUDIO_RUN_DIR", str(tmp_path))
    monkeypatch.delenv("ALERT_MANAGER_WEBHOOK_URL", raising=False)
    port = free_ports(2)
    options = ["--port", str(port), "--alertmanager-port", str(port + 1)]
    yield options
    monitoring.main(["down", *options])


def test_up_status_down(
    ports: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_SCRAPE_INTERVAL", "7s")
    assert monitoring.main(["status", *ports]) == 1
    assert monitoring.main(["up", "--workers", "127.0.0.1:1,127.0.0.1:2", "--minimum", "2", *ports]) == 0
    capsys.readouterr()
    assert monitoring.main(["up", *ports]) == 0, "it runs already"
    assert monitoring.main(["status", *ports]) == 0
    assert f"Prometheus: http://127.0.0.1:{ports[1]}\n" in capsys.readouterr().out
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/api/v1/status/config", timeout=10) as answer:
        assert "scrape_interval: 7s" in json.load(answer)["data"]["yaml"]
    assert monitoring.main(["down", *ports]) == 0
    assert monitoring.main(["status", *ports]) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(ports: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", int(ports[3]))):
        assert monitoring.main(["up", *ports]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"monitoring: port {ports[3]} is taken")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("PROMETHEUS_SCRAPE_INTERVAL=soon", "'soon' is no scrape interval"),
        ("ALERT_MANAGER_WEBHOOK_URL=nowhere", "the webhook is not of the form"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    setting: str, named: str, ports: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(*setting.split("="))
    assert monitoring.main(["up", *ports]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"monitoring: {named}")
    assert error.count("\n") == 1


def test_render_writes_what_a_prometheus_elsewhere_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rendered"
    assert monitoring.main(["render", "--out", str(out), "--workers", "worker-1:8080"]) == 0
    written = capsys.readouterr().out.splitlines()
    assert [str(path) for path in sorted(out.iterdir())] == written
    assert {"prometheus.yml", "alertmanager.yml", "workers.json", "lag.rules.yml"} <= {
        Path(line).name for line in written
    }


def test_the_webhook_may_be_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, out = tmp_path / "webhook", tmp_path / "rendered"
    secret.write_text("https://alerts.example/secret\n")
    monkeypatch.delenv("ALERT_MANAGER_WEBHOOK_URL", raising=False)
    monkeypatch.setenv("ALERT_MANAGER_WEBHOOK_URL_FILE", str(secret))
    assert monitoring.main(["render", "--out", str(out)]) == 0
    assert "url: https://alerts.example/secret\n" in (out / "alertmanager.yml").read_text()
    monkeypatch.setenv("ALERT_MANAGER_WEBHOOK_URL", "https://alerts.example/secret")
    assert monitoring.main(["render", "--out", str(out)]) == 1
    told = "monitoring: ALERT_MANAGER_WEBHOOK_URL and ALERT_MANAGER_WEBHOOK_URL_FILE are both set; set one of them\n"
    assert capsys.readouterr().err == told
