"""The worker's HTTP endpoint: health for the orchestrator, metrics for Prometheus."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from streams.metrics import Metrics


class WebServer:
    """Serves ``/health/live``, ``/health/ready`` and ``/metrics``; nothing else, and nothing that changes anything.

    Args:
        port: TCP port on all interfaces; 0 takes a free one.
        metrics: What ``/metrics`` shows.
        readiness: Each condition of readiness and whether it holds now.
    """

    def __init__(self, port: int, metrics: Metrics, readiness: Callable[[], dict[str, bool]]) -> None:
        self._port = port
        self._metrics = metrics
        self._readiness = readiness
        app = web.Application()
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._exposition)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> int:
        """Listen.

        Returns:
            The port.

        Raises:
            OSError: When the port is taken.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})  # answering is the proof: the loop turns

    async def _ready(self, _: web.Request) -> web.Response:
        conditions = self._readiness()
        ready = all(conditions.values())
        return web.json_response({"ready": ready, **conditions}, status=200 if ready else 503)

    async def _exposition(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})
