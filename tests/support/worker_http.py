"""The worker's HTTP server in a process that has nothing else: `worker_http PORT [unready]`."""

import asyncio
import sys

from streams.runtime.http_access import HttpAccess
from streams.runtime.http_server import WebServer
from streams.runtime.readiness import Readiness
from streams.security.authentication import Authenticator
from streams.telemetry.metrics import Metrics


async def serve(port: int, *, ready: bool) -> None:
    web = WebServer(
        ("127.0.0.1", port),
        Metrics(),
        Readiness({"brokers": lambda: ready}),
        status=lambda: {"port": port},
        policy=lambda hotel: {"hotel": hotel, "port": port},
        access=HttpAccess(Authenticator(admin_token="operator")),  # noqa: S106  guards nothing
    )
    await web.start()
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), ready="unready" not in sys.argv))
