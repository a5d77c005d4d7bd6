"""The configuration of Prometheus and Alertmanager: the files of infra, with their placeholders filled in."""

import json
import re
import shutil
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from infra.monitoring.errors import MonitoringError

_INFRA = Path(__file__).parents[1]
_SEVERITIES = ("critical", "warning", "info")
_DURATION = re.compile(r"([0-9]+(ms|s|m|h|d|w|y))+")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s,:\[\]/]+):[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What is monitored, how often, and where alerts are sent.

    Attributes:
        workers: HTTP endpoints of the workers, ``host:port``.
        workers_minimum: The number of workers that have to answer.
        scrape_interval: The time between two scrapes, in Prometheus' notation: ``15s``.
        group_wait: How long Alertmanager waits for alerts of the same kind before it sends the first message.
        group_interval: How long it waits before it sends changes of such a group.
        webhook_url: Where alerts are sent; with None, none are. The URL decides the format: Slack, Discord or generic.
        workers_name: A DNS name and a port, ``name:port``: each of its addresses is a worker too.
        apis: HTTP endpoints of the processes of the HTTP API, ``host:port``.
        apis_name: As `workers_name`, for them.
    """

    workers: Sequence[str] = ("127.0.0.1:8080",)
    workers_minimum: int = 1
    scrape_interval: str = "15s"
    group_wait: str = "10s"
    group_interval: str = "1m"
    webhook_url: str | None = None
    workers_name: str | None = None
    apis: Sequence[str] = ()
    apis_name: str | None = None

    def __post_init__(self) -> None:
        """Check the values, which a user may have mistyped.

        Raises:
            MonitoringError: With one line that says which values are accepted.
        """
        if not _DURATION.fullmatch(self.scrape_interval):
            raise MonitoringError(
                f"{self.scrape_interval!r} is no scrape interval (PROMETHEUS_SCRAPE_INTERVAL); write for instance 15s"
            )
        for kind, addresses, name in (
            ("worker", self.workers, self.workers_name),
            ("process of the API", self.apis, self.apis_name),
        ):
            for address in (*addresses, *filter(None, [name])):
                if not _ADDRESS.fullmatch(address):
                    raise MonitoringError(f"{address!r} is no {kind}; write host:port")
        if self.webhook_url is not None and not _is_web_address(self.webhook_url):
            raise MonitoringError(  # the URL is a secret, so the message does not contain it
                "the webhook is not of the form https://host/path (ALERT_MANAGER_WEBHOOK_URL)"
            )


def rule_files() -> list[Path]:
    """The files with the rules of Prometheus, before their placeholders are filled in."""
    return sorted((_INFRA / "prometheus").glob("*.rules.yml"))


def render(directory: Path, monitoring: Monitoring, alertmanager: str = "127.0.0.1:9093") -> None:
    """Write the configuration of Prometheus and Alertmanager into a directory.

    Args:
        directory: Receives ``prometheus.yml``, the rules, ``workers.json``, ``apis.json`` and ``alertmanager.yml``.
        monitoring: What is monitored.
        alertmanager: Alertmanager's address, ``host:port``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    names = {
        "directory": directory.absolute(),
        "names": json.dumps(_names(monitoring.workers_name)),
        "api_names": json.dumps(_names(monitoring.apis_name)),
        "alertmanager": alertmanager,
        "scrape_interval": monitoring.scrape_interval,
        "group_wait": monitoring.group_wait,
        "group_interval": monitoring.group_interval,
    }
    prometheus = _INFRA / "prometheus"
    for rules in rule_files():
        shutil.copy(rules, directory)  # copied unchanged: the alerts' texts are templates of Prometheus
    fleet = (prometheus / "fleet.rules.yml").read_text()
    (directory / "fleet.rules.yml").write_text(fleet.replace("vector(1)", f"vector({monitoring.workers_minimum})"))
    template = string.Template((prometheus / "prometheus.yml").read_text())
    (directory / "prometheus.yml").write_text(template.substitute(names))
    for name, targets in (("workers", monitoring.workers), ("apis", monitoring.apis)):
        (directory / f"{name}.json").write_text(json.dumps([{"targets": list(targets)}]))
    routes = string.Template((_INFRA / "alertmanager" / "alertmanager.yml").read_text()).substitute(names)
    target = directory / "alertmanager.yml"
    target.touch(mode=0o600)  # whoever knows a webhook's URL can send to it
    target.write_text(f"{routes}\n{yaml.safe_dump({'receivers': _receivers(monitoring.webhook_url)}, sort_keys=False)}")


def _names(name: str | None) -> list[dict[str, Any]]:
    """What Prometheus resolves to find processes."""
    if name is None:
        return []
    host, _, port = name.rpartition(":")
    return [{"names": [host], "type": "A", "port": int(port), "refresh_interval": "5s"}]


def _receivers(url: str | None) -> list[dict[str, Any]]:
    return [{"name": severity, **_channel(url, severity)} for severity in _SEVERITIES]


def _channel(url: str | None, severity: str) -> dict[str, Any]:
    """A receiver's settings, in the format that the URL's service reads."""
    if url is None:
        return {}
    title = f"[{severity}] {{{{ .Status | toUpper }}}} {{{{ .GroupLabels.alertname }}}}"
    text = (
        "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
        "{{ .Annotations.runbook_url }}\n{{ end }}"
    )
    address = urlsplit(url)
    host, path = address.hostname or "", address.path
    if _belongs_to(host, "discord.com", "discordapp.com") or path.startswith("/api/webhooks/"):
        return {"discord_configs": [{"webhook_url": url, "send_resolved": True, "title": title, "message": text}]}
    if _belongs_to(host, "slack.com") or path.startswith("/services/"):
        return {"slack_configs": [{"api_url": url, "send_resolved": True, "title": title, "text": text}]}
    return {"webhook_configs": [{"url": url, "send_resolved": True}]}


def _belongs_to(host: str, *domains: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    return address.scheme in {"http", "https"} and bool(address.hostname)
