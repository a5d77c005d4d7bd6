"""A proxy before a store that can behave as broken stores do."""

import re
import socket
import socketserver
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Literal

from infra.kafka.ports import HOST, free_ports

#: ``frozen`` accepts connections and never answers; ``refusing`` resets them; ``error`` answers everything with the
#: error 500 and ``full`` with 507; ``cut`` ends the connection in the middle of each answer's body; ``short`` says that
#: the body is one byte shorter than it is; ``slow`` waits before each piece.
Behaviour = Literal["sound", "frozen", "refusing", "error", "full", "cut", "short", "slow"]

_PIECE = 1 << 16
_ANSWERS = {"error": b"500 Internal Server Error", "full": b"507 Insufficient Storage"}
_LENGTH = re.compile(rb"(?i)(content-length: )(\d+)")
_DELAY_S = 0.05


@dataclass
class _State:
    target: int
    behaviour: Behaviour
    requests: int
    connections: set[socket.socket]
    lock: threading.Lock


class FaultyStore:
    """Listens on a loopback port, and passes requests to a store in the way that it was told.

    Args:
        target: The store's port.
    """

    def __init__(self, target: int) -> None:
        self._state = _State(target, "sound", 0, set(), threading.Lock())
        self.port = free_ports(1)
        handler = type("Handler", (_Handler,), {"state": self._state})
        self._server = _Server((HOST, self.port), handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """The URL that clients use."""
        return f"http://{HOST}:{self.port}"

    @property
    def requests(self) -> int:
        """The number of pieces that clients have sent."""
        return self._state.requests

    def behave(self, behaviour: Behaviour) -> None:
        """Behave so from now on; connections of before are closed."""
        with self._state.lock:
            self._state.behaviour = behaviour
            open_now = list(self._state.connections)
        for connection in open_now:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        self.behave("refusing")
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class _Handler(socketserver.BaseRequestHandler):
    state: ClassVar[_State]
    request: socket.socket

    def handle(self) -> None:
        with self.state.lock:
            behaviour = self.state.behaviour
            self.state.connections.add(self.request)
        with suppress(OSError):
            self._serve(behaviour)
        with self.state.lock:
            self.state.connections.discard(self.request)

    def _serve(self, behaviour: Behaviour) -> None:
        if behaviour == "refusing":
            return
        if behaviour == "frozen":
            while self.request.recv(_PIECE):
                self.state.requests += 1
            return
        if behaviour in _ANSWERS:
            self._answer(_ANSWERS[behaviour])
            return
        with socket.create_connection((HOST, self.state.target)) as store:
            threading.Thread(target=self._send, args=(store,), daemon=True).start()
            self._receive(store, behaviour)

    def _answer(self, status: bytes) -> None:
        while self.request.recv(_PIECE):
            self.state.requests += 1
            self.request.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.request.shutdown(socket.SHUT_WR)

    def _send(self, store: socket.socket) -> None:
        with suppress(OSError):
            while piece := self.request.recv(_PIECE):
                self.state.requests += 1
                store.sendall(piece)
            store.shutdown(socket.SHUT_RDWR)

    def _receive(self, store: socket.socket, behaviour: Behaviour) -> None:
        while piece := store.recv(_PIECE):
            if behaviour == "slow":
                time.sleep(_DELAY_S)
            if behaviour == "short":
                piece = _LENGTH.sub(_one_less, piece)
            if behaviour == "cut" and (body := piece.find(b"\r\n\r\n")) >= 0 and b" 200 OK" not in piece[:20]:
                self.request.sendall(piece[: body + 5])
                break
            self.request.sendall(piece)
        self.request.shutdown(socket.SHUT_RDWR)


def _one_less(match: re.Match[bytes]) -> bytes:
    return match[1] + str(max(0, int(match[2]) - 1)).encode()
