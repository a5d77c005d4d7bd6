"""A genuine Prometheus and Alertmanager for tests, with the product's own rules."""

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from infra.kafka.ports import free_ports
from infra.monitoring.configuration import Monitoring
from infra.monitoring.local import LocalMonitoring

_POLL_S = 0.2
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# Durations in a rule: how long a condition must hold, or a time range.
_DURATION = re.compile(r"(?P<before>for: |offset |\[|(?<=[smhd]):)(?P<number>\d+)(?P<unit>ms|s|m|h|d)\b")


class Observed:
    """Queries to Prometheus and Alertmanager.

    Args:
        local: Both of them, running.
    """

    def __init__(self, local: LocalMonitoring) -> None:
        self.url = local.url
        self._address, self._alertmanager = (
            urllib.parse.urlsplit(url).netloc for url in (local.url, local.alertmanager_url)
        )

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Query an expression: each series with its ``metric`` (labels) and ``value`` (time and text)."""
        return self._result("query", query=expression)

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The values of an expression over time: each series with its ``values``; seconds since the Unix epoch."""
        return self._result("query_range", query=expression, start=str(start), end=str(end), step=str(step))

    def await_data(self, expression: str, within: float = 30) -> list[dict[str, Any]]:
        """Repeat a query until it returns data.

        Args:
            expression: In Prometheus' language.
            within: Seconds.
        """
        until = time.monotonic() + within
        while not (found := self.query(expression)):
            assert time.monotonic() < until, f"no data within {within} s: {expression}"
            time.sleep(_POLL_S)
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts in Alertmanager: each with its ``labels`` and ``status``."""
        with urllib.request.urlopen(f"http://{self._alertmanager}/api/v2/alerts", timeout=10) as answer:
            known: list[dict[str, Any]] = json.load(answer)
        return known

    def raise_alerts(self, *alerts: Mapping[str, str]) -> None:
        """Send alerts to Alertmanager, as Prometheus does.

        Args:
            alerts: The labels of each.
        """
        body = [{"labels": labels, "annotations": {"summary": f"It is {labels['alertname']}."}} for labels in alerts]
        request = urllib.request.Request(
            f"http://{self._alertmanager}/api/v2/alerts",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  it is http, see above
            assert answer.status == HTTPStatus.OK

    def _result(self, endpoint: str, **parameters: str) -> list[dict[str, Any]]:
        asked = f"{endpoint}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(f"http://{self._address}/api/v1/{asked}", timeout=10) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


@contextmanager
def observing(directory: Path, monitoring: Monitoring, *, faster: int = 1) -> Iterator[Observed]:
    """Run Prometheus and Alertmanager on free ports.

    Args:
        directory: For all their files; removed at the end.
        monitoring: The workers and settings; a test sets ``scrape_interval`` to about a second.
        faster: All durations in the rules are divided by this, so that a test need not wait for minutes.
    """
    port = free_ports(2)
    local = LocalMonitoring(directory, port, port + 1, print)
    local.configure(monitoring)
    for rules in directory.glob("*.rules.yml"):
        rules.write_text(_DURATION.sub(lambda match: _divided(match, faster), rules.read_text()))
    try:
        local.start()
        yield Observed(local)
    finally:
        local.stop()


def _divided(match: re.Match[str], by: int) -> str:
    return f"{match['before']}{int(match['number']) * _UNITS_MS[match['unit']] // by}ms"
