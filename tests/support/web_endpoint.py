"""An HTTP server that answers what a test says."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: In place of an answer: the request is never answered, and the answer comes octet by octet.
HANGS, DRIPS = object(), object()


class Endpoint(ThreadingHTTPServer):
    """Answers by path: with JSON, or a status and text; every other path with 404.

    Attributes:
        asked: Paths and ``Authorization`` headers of all requests.
    """

    daemon_threads = True

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[str, str | None]] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Endpoint)
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        answer = self.server.answers.get(self.path, (404, "not here"))
        if answer is HANGS:
            self.server.ended.wait()
        elif answer is DRIPS:
            self.send_response(200)
            self.end_headers()
            self._drip(self.server.ended)
        else:
            status, text = answer if isinstance(answer, tuple) else (200, json.dumps(answer))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    def _drip(self, ended: threading.Event) -> None:
        with suppress(OSError):  # the client has gone
            while not ended.is_set():
                self.wfile.write(b" ")
                time.sleep(0.05)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the signature of the base class
        pass


@contextmanager
def serving(answers: Mapping[str, Any], certificate: tuple[Path, Path] | None = None) -> Iterator[Endpoint]:
    """Serve on a free port of loopback.

    Args:
        answers: By path.
        certificate: Files with certificate and key, for https.
    """
    server = Endpoint(answers)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
