"""A local webhook that records its requests."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request: the path it was sent to, and its JSON."""

    path: str
    payload: dict[str, Any]


@dataclass(slots=True)
class Webhook:
    """The requests so far.

    Attributes:
        address: ``host:port``.
        deliveries: All requests, in the order of arrival.
    """

    address: str
    deliveries: list[Delivery] = field(default_factory=list)

    def wait_for(self, wanted: Callable[[Delivery], bool], within: float) -> Delivery:
        """Return the first wanted delivery; waits for it.

        Args:
            wanted: Whether a delivery is wanted.
            within: Seconds.
        """
        until = time.monotonic() + within
        while True:
            for delivery in list(self.deliveries):
                if wanted(delivery):
                    return delivery
            assert time.monotonic() < until, f"not within {within} s; what came: {self.deliveries}"
            time.sleep(_POLL_S)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Listen on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.deliveries.append(Delivery(self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments: object) -> None:
            """Write nothing to the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Webhook(f"127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
