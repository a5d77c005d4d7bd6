"""Checks processes of the HTTP API: that each is ready, has its document, and asks who it is that asks."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from scripts.cli import counted
from scripts.validation.finding import Finding, failed, judged, not_checked
from scripts.validation.web import Web, WebError

CHECK = "HTTP API"
_OPEN, _ASKS = 200, 401
_REMEDY = "is the API running, and is --api-url its address? its log says what it waits for"


async def check_apis(web: Web, urls: Sequence[str]) -> list[Finding]:
    """Check processes, or load balancers before them.

    Args:
        web: How endpoints are asked.
        urls: Their addresses; none checks nothing.
    """
    if not urls:
        return [not_checked(CHECK, "processes", "no --api-url")]
    return list(await asyncio.gather(*(_of_process(web, url.rstrip("/")) for url in urls)))


async def _of_process(web: Web, url: str) -> Finding:
    subject = urlsplit(url).netloc
    try:
        ready, document, recordings = await asyncio.gather(
            web.get(f"{url}/health/ready"), web.get_json(f"{url}/openapi.json"), web.get(f"{url}/v1/recordings")
        )
        return _judged(subject, ready.json(), document, recordings.status)
    except WebError as error:
        return failed(CHECK, subject, str(error), _REMEDY)
    except (KeyError, TypeError, AttributeError):
        return failed(CHECK, subject, "answers something else than the HTTP API does", _REMEDY)


def _judged(subject: str, ready: Mapping[str, Any], document: Mapping[str, Any], without_credential: int) -> Finding:
    awaited = [name for name, holds in ready.items() if not holds and name != "ready"]
    problems = [] if ready["ready"] else [f"not ready: {', '.join(awaited) or 'it says so'}"]
    if without_credential not in {_OPEN, _ASKS}:
        problems.append(f"/v1/recordings answers {without_credential}")
    mode = "open to this machine" if without_credential == _OPEN else "asks for credentials"
    return judged(CHECK, subject, problems, f"ready, {counted(len(document['paths']), 'path')}, {mode}", _REMEDY)
