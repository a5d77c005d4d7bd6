"""Checks the TLS certificates of endpoints."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from scripts.validation.finding import Finding, failed, judged, not_checked
from scripts.validation.web import Web, WebError, within

CHECK = "TLS"
#: Days that a certificate has to be valid for: time to renew it.
LEAST_DAYS = 3.0
_DAY = 86_400
_HTTPS_PORT = 443
_REMEDY = "renew it, or name with --ca-file the authority that has signed it"


async def check_certificates(web: Web, urls: Iterable[str]) -> list[Finding]:
    """Check the certificates of all endpoints with https: name, authority and dates.

    Args:
        web: How endpoints are asked.
        urls: Addresses of any scheme.
    """
    places = sorted(
        {(part.hostname or "", part.port or _HTTPS_PORT) for part in map(urlsplit, urls) if part.scheme == "https"}
    )
    if not places:
        return [not_checked(CHECK, "certificates", "no URL with https")]
    return list(await asyncio.gather(*(_check(web, *place) for place in places)))


def expiry_problem(days: float) -> str | None:
    """What is wrong with the days until a certificate expires; None if there are enough."""
    return None if days >= LEAST_DAYS else f"the certificate expires in {days:.1f} days"


async def _check(web: Web, host: str, port: int) -> Finding:
    subject = f"{host}:{port}"
    try:
        expires = await within(web.timeout, lambda: _expiry(web, host, port))
    except WebError as error:
        return failed(CHECK, subject, str(error), _REMEDY)
    days = (expires - time.time()) / _DAY
    problem = expiry_problem(days)
    return judged(CHECK, subject, [problem] if problem else [], f"valid for {days:.0f} days", _REMEDY)


def _expiry(web: Web, host: str, port: int) -> float:
    """The time at which a certificate expires, in seconds since the epoch."""
    with (
        socket.create_connection((host, port), timeout=web.timeout) as connection,
        web.tls.wrap_socket(connection, server_hostname=host) as secured,
    ):
        return ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"]))
