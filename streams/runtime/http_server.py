"""The worker's HTTP endpoint: health for the orchestrator, metrics for Prometheus, its status for operators."""

import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError
from prometheus_client.exposition import choose_encoder

from streams.runtime.endpoint_url import endpoint_url
from streams.runtime.http_access import HttpAccess
from streams.runtime.readiness import Readiness
from streams.security.roles import Permission
from streams.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)


class _WithoutContent(logging.Filter):
    """Keeps what was sent out of the log: a header that cannot be read may be a credential."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the report of a request that is no HTTP, or too long, to its kind."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg = f"{record.msg}: {type(error).__name__}"
        return True


_log.addFilter(_WithoutContent())


class WebServer:
    """Serves ``/health/live``, ``/health/ready``, ``/metrics``, ``/policies`` and, to who may see it, the status.

    The status is at ``/admin/audio/status``. All endpoints are read-only. Where nobody can be let in, the status is
    not served.

    Args:
        address: Address or name of the interface to listen on, and the TCP port; 0 takes a free one.
        metrics: Metrics for ``/metrics``.
        readiness: Conditions for ``/health/ready``.
        status: Returns the status for operators.
        policy: Returns what is in force for a hotel, for ``/policies?hotel=...``.
        access: Who may see the status.
        tls: Serves by TLS; None serves plain HTTP.
    """

    def __init__(
        self,
        address: tuple[str, int],
        metrics: Metrics,
        readiness: Readiness,
        *,
        status: Callable[[], Mapping[str, Any]],
        policy: Callable[[str], Mapping[str, Any]],
        access: HttpAccess,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._port = address
        self._tls = tls
        self._metrics = metrics
        self._readiness = readiness
        app = web.Application()
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._exposition)
        app.router.add_get("/policies", _policies(policy))
        if access.configured:
            app.router.add_get("/admin/audio/status", access.guarded(Permission.STATUS, _status(status)))
        self._runner = web.AppRunner(app, access_log=None, logger=_log)

    async def start(self) -> int:
        """Start to listen.

        Returns:
            The TCP port.

        Raises:
            OSError: When the port is taken, or the host is not of this machine.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()
        self._port = int(self._runner.addresses[0][1])
        return self._port

    @property
    def url(self) -> str:
        """Its address as the beginning of a URL."""
        return endpoint_url(self._host, self._port, tls=self._tls is not None)

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})  # an answer proves that the event loop runs

    async def _ready(self, _: web.Request) -> web.Response:
        conditions = self._readiness.now()
        ready = all(conditions.values())
        return web.json_response({"ready": ready, **conditions}, status=200 if ready else 503)

    async def _exposition(self, request: web.Request) -> web.Response:
        # Prometheus asks for OpenMetrics, the only format with exemplars.
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics.registry), headers={"Content-Type": content_type})


def _policies(policy: Callable[[str], Mapping[str, Any]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        hotel = request.query.get("hotel")
        if not hotel:
            return web.json_response({"error": "name a hotel: /policies?hotel=..."}, status=400)
        return web.json_response(policy(hotel))

    return answer


def _status(status: Callable[[], Mapping[str, Any]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(status())

    return answer
