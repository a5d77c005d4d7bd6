"""Checks Grafana: its health, the dashboard, and that its source of data answers."""

import base64
from collections.abc import Mapping

from scripts.validation.finding import Finding, failed, judged, not_checked, passed
from scripts.validation.server import findings_of
from scripts.validation.web import Web

CHECK = "Grafana"
_USER = "admin"
_DASHBOARD = "hotel-audio"  # its uid, as in infra/grafana/dashboards
_SOURCE = "prometheus"  # its uid, as in infra/grafana/provisioning
_OK, _REFUSED = 200, (401, 403)


async def check_grafana(web: Web, url: str | None, password: str | None) -> list[Finding]:
    """Check a Grafana.

    Args:
        web: How endpoints are asked.
        url: Its address; None checks nothing.
        password: Of its user ``admin``; with None it is asked as an anonymous user.
    """
    if url is None:
        return [not_checked(CHECK, "dashboard", "no --grafana-url")]
    url, headers = url.rstrip("/"), _authorization(password)
    checks = {
        "health": _health(web, url),
        "dashboard": _dashboard(web, f"{url}/api/dashboards/uid/{_DASHBOARD}", headers),
        "data source": _source(web, f"{url}/api/datasources/uid/{_SOURCE}/health", headers),
    }
    return await findings_of(CHECK, "--grafana-url", checks)


def _authorization(password: str | None) -> dict[str, str]:
    if password is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(f'{_USER}:{password}'.encode()).decode()}"}


async def _health(web: Web, url: str) -> Finding:
    told = await web.get_json(f"{url}/api/health")
    problems = [] if told["database"] == "ok" else [f"its database is {told['database']}"]
    return judged(CHECK, "health", problems, f"ok, release {told['version']}", "read Grafana's log")


async def _dashboard(web: Web, url: str, headers: Mapping[str, str]) -> Finding:
    page = await web.get(url, headers)
    if page.status in _REFUSED:
        return _closed("dashboard", headers)
    if page.status != _OK:
        return failed(CHECK, "dashboard", f"answers {page.status} for {_DASHBOARD}", "provision infra/grafana")
    return passed(CHECK, "dashboard", f"{page.json()['dashboard']['title']} is there")


async def _source(web: Web, url: str, headers: Mapping[str, str]) -> Finding:
    page = await web.get(url, headers)
    if page.status in _REFUSED:
        return _closed("data source", headers)
    told = page.json()
    problems = [] if page.status == _OK and told["status"] == "OK" else [f"{_SOURCE}: {told.get('message')}"]
    return judged(CHECK, "data source", problems, "answers", "set PROMETHEUS_URL of Grafana to Prometheus' address")


def _closed(subject: str, headers: Mapping[str, str]) -> Finding:
    if headers:
        return failed(CHECK, subject, "refuses GRAFANA_ADMIN_PASSWORD", "set it to the password of the user admin")
    return not_checked(CHECK, subject, "Grafana asks for a password", "set GRAFANA_ADMIN_PASSWORD")
