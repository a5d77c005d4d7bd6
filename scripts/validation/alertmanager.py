"""Checks Alertmanager: that it answers, and that it has loaded a configuration with receivers."""

import asyncio
from collections.abc import Mapping
from typing import Any

import yaml

from scripts.validation.finding import Finding, failed, judged, not_checked
from scripts.validation.prometheus import judge_reload
from scripts.validation.web import Web, WebError

CHECK = "Alertmanager"
_REMEDY = "is Alertmanager running, and is --alertmanager-url its address?"


async def check_alertmanager(web: Web, url: str | None) -> list[Finding]:
    """Check an Alertmanager.

    Args:
        web: How endpoints are asked.
        url: Its address; None checks nothing.
    """
    if url is None:
        return [not_checked(CHECK, "configuration", "no --alertmanager-url")]
    url = url.rstrip("/")
    try:
        status, metrics = await asyncio.gather(web.get_json(f"{url}/api/v2/status"), web.get(f"{url}/metrics"))
        return [judge_receivers(status), judge_reload(CHECK, metrics.text, "alertmanager", "loaded")]
    except WebError as error:
        return [failed(CHECK, "configuration", str(error), _REMEDY)]
    except (KeyError, TypeError, AttributeError, yaml.YAMLError):
        return [failed(CHECK, "configuration", "answers something else than Alertmanager does", _REMEDY)]


def judge_receivers(status: Mapping[str, Any]) -> Finding:
    """Whether the configuration in force has receivers.

    Args:
        status: As its API returns it, with the configuration's text.
    """
    receivers = yaml.safe_load(status["config"]["original"]).get("receivers") or []
    names = ", ".join(one["name"] for one in receivers)
    silent = "" if any(len(one) > 1 for one in receivers) else "; none sends anywhere"
    problems = [] if receivers else ["its configuration has no receiver"]
    return judged(CHECK, "receivers", problems, f"{names}{silent}", "give it the configuration of infra/alertmanager")
