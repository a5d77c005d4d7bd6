"""What nginx asks: HTTP servers that remember their requests, worker processes' HTTP servers, and a DNS server."""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_START_S = 60.0


@dataclass(slots=True)
class Upstream:
    """An HTTP server.

    Attributes:
        address: ``host:port``.
        requests: Method, path with its query, and headers of each request, in the order of arrival.
    """

    address: str
    requests: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def count(self, path: str) -> int:
        """How many requests for a path and query came."""
        return sum(asked == path for _, asked, _ in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def upstream(address: str = "127.0.0.1", port: int = 0) -> Iterator[Upstream]:
    """Serve every path until the context ends.

    The query says how: ``status``, ``cache`` (for Cache-Control) and ``seconds`` to wait. The body is the address.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # a response is one packet

        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer()

        def answer(self) -> None:
            serving.requests.append((self.command, self.path, dict(self.headers.items())))
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            time.sleep(float(query.get("seconds", 0)))
            self.send_response(int(query.get("status", 200)))
            if "cache" in query:
                self.send_header("Cache-Control", query["cache"])
            body = json.dumps({"from": serving.address}).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class names it so
            pass

    with _Server((address, port), Handler) as server:
        serving = Upstream(f"{address}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield serving
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def worker_server(port: int, *, ready: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Run the worker's HTTP server, without a worker, in a process of its own; returns when it listens."""
    command = [sys.executable, "-m", "tests.support.worker_http", str(port), *([] if ready else ["unready"])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "listening\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass(slots=True)
class Names:
    """A DNS server that knows IPv4 addresses of one name, whichever is asked for.

    Attributes:
        address: ``host:port``.
        addresses: What it answers.
    """

    address: str
    addresses: list[str]


@contextmanager
def dns(addresses: list[str]) -> Iterator[Names]:
    """Answer queries on loopback until the context ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        names = Names("{}:{}".format(*listening.getsockname()), addresses)
        thread = threading.Thread(target=_answer_queries, args=(listening, names))
        thread.start()
        try:
            yield names
        finally:
            listening.sendto(b"", listening.getsockname())  # an empty query ends it
            thread.join()


def _answer_queries(listening: socket.socket, names: Names) -> None:
    while True:
        query, sender = listening.recvfrom(512)
        if not query:
            return
        question = query[12 : query.index(b"\0", 12) + 5]
        (kind,) = struct.unpack("!H", question[-4:-2])
        found = names.addresses if kind == 1 else []  # 1 is A
        header = query[:2] + struct.pack("!5H", 0x8180, 1, len(found), 0, 0)
        # Each answer: a pointer to the name in the question, type A, class IN, one second to live.
        answers = [b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 1, 4) + socket.inet_aton(address) for address in found]
        listening.sendto(header + question + b"".join(answers), sender)
