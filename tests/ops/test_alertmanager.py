"""How Alertmanager handles alerts: the receivers, the message formats, and what is inhibited."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.monitoring.configuration import Monitoring, render
from infra.monitoring.errors import MonitoringError
from infra.monitoring.programs import ensure_programs
from tests.support.observability import observing
from tests.support.webhook import Delivery, Webhook, webhook

SLACK = "https://hooks.slack.com/services/T0/B0/x"
DISCORD = "https://discord.com/api/webhooks/1/x"
OTHER = "https://alerts.example.com/hotel-audio"
FORMS = {SLACK: "slack_configs", DISCORD: "discord_configs", OTHER: "webhook_configs", None: None}


@pytest.mark.parametrize("url", FORMS)
def test_alertmanager_accepts_each_form_of_webhook(url: str | None, tmp_path: Path) -> None:
    render(tmp_path, Monitoring(webhook_url=url))
    file = tmp_path / "alertmanager.yml"
    receivers = yaml.safe_load(file.read_text())["receivers"]
    assert [receiver.pop("name") for receiver in receivers] == ["critical", "warning", "info"]
    assert {form for receiver in receivers for form in receiver} == {FORMS[url]} - {None}
    assert file.stat().st_mode & 0o077 == 0, "the URL is a secret"
    command = [*ensure_programs(print).amtool, "check-config", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("url", ["hooks.slack.com/services/x", "ftp://example.com/", "https:///path", "http://[x/"])
def test_what_is_no_web_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(MonitoringError, match="webhook") as refused:
        Monitoring(webhook_url=url)
    assert url not in str(refused.value)


@pytest.fixture
def heard() -> Iterator[Webhook]:
    with webhook() as listening:
        yield listening


JOB = {"job": "audio-workers"}
ABSENT = JOB | {"alertname": "AudioWorkersAbsent", "severity": "critical", "about": "workers"}
UNOWNED = JOB | {"alertname": "AudioPartitionWithoutOwner", "severity": "critical", "about": "ownership"}
FAST = JOB | {"alertname": "AudioLagBurnsFast", "severity": "critical", "about": "lag", "topic": "audio.raw"}
SLOWLY = JOB | {"alertname": "AudioLagBurnsSlowly", "severity": "warning", "about": "lag", "topic": "audio.raw"}
REDUCED = JOB | {"alertname": "AudioQualityReduced", "severity": "info", "about": "load", "instance": "a"}


@pytest.mark.parametrize(("path", "form"), [("/services/T0/B0/x", "slack"), ("/api/webhooks/1/x", "discord")])
def test_slack_and_discord_get_what_they_read(path: str, form: str, heard: Webhook, tmp_path: Path) -> None:
    told = Monitoring(webhook_url=f"http://{heard.address}{path}", group_wait="100ms")
    with observing(tmp_path / "monitoring", told) as seen:
        seen.raise_alerts(ABSENT)
        delivery = heard.wait_for(lambda delivery: delivery.path == path, within=15)
    shown = delivery.payload["attachments" if form == "slack" else "embeds"][0]
    assert shown["title"] == "[critical] FIRING AudioWorkersAbsent"
    assert "It is AudioWorkersAbsent." in shown["text" if form == "slack" else "description"]


def test_alerts_go_by_severity_and_what_follows_from_another_is_kept_quiet(heard: Webhook, tmp_path: Path) -> None:
    told = Monitoring(webhook_url=f"http://{heard.address}/", group_wait="1s")

    def of(receiver: str) -> Delivery:
        return heard.wait_for(lambda delivery: delivery.payload["receiver"] == receiver, within=15)

    with observing(tmp_path / "monitoring", told) as seen:
        third, fourth = {"partition": "3"}, {"partition": "4"}
        seen.raise_alerts(FAST | third, SLOWLY | third, SLOWLY | fourth, REDUCED)
        assert names(of("critical")) == [("AudioLagBurnsFast", "3")]
        assert names(of("warning")) == [("AudioLagBurnsSlowly", "4")]
        assert names(of("info")) == [("AudioQualityReduced", None)]
        heard.deliveries.clear()
        seen.raise_alerts(ABSENT, UNOWNED | third)
        assert names(of("critical")) == [("AudioWorkersAbsent", None)]
        raised = seen.alerts()
    loud = {alert["labels"]["alertname"] for alert in raised if not alert["status"]["inhibitedBy"]}
    assert loud == {"AudioWorkersAbsent"}


def names(delivery: Delivery) -> list[tuple[str, str | None]]:
    labels = [alert["labels"] for alert in delivery.payload["alerts"]]
    return sorted((label["alertname"], label.get("partition")) for label in labels)
