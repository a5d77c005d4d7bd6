"""How connections are served: what a client does not send or take in time is given up."""

import asyncio
import socket
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from streams.security.problem import MEDIA_TYPE, problem

#: Seconds for the head of a request, from its first byte or from the beginning of the connection.
HEAD_WITHIN = 10.0
#: Bytes of a head after which no more of it is read; uvicorn's parser of httptools knows no limit.
_MOST_HEAD = 64 * 2**10
#: Milliseconds in which a client has to take something of what it is sent; events are a line a second.
_TAKEN_WITHIN_MS = 30_000
#: Seconds of silence until the system asks whether a client is there, between two questions, and their number.
_SILENCE, _BETWEEN, _QUESTIONS = 60, 10, 3


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits of time and size for a request's head, and problem documents, which it lacks."""

    _head: asyncio.TimerHandle | None = None
    _head_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a head that goes on and on is refused."""
        if self._head_size > _MOST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A head may have {_MOST_HEAD} bytes.")
            return
        super().data_received(data)
        if self._head is not None:
            self._head_size += len(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_message_begin(self) -> None:
        """See the first byte of a request."""
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See the whole head."""
        self._have_head()
        super().on_headers_complete()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        if self.transport.is_closing():
            return
        body = problem(status, detail)
        head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()

    def _await_head(self) -> None:
        self._have_head()
        self._head = self.loop.call_later(HEAD_WITHIN, self.transport.abort)

    def _have_head(self) -> None:
        self._head_size = 0
        if self._head is not None:
            self._head.cancel()
            self._head = None


def end_dead_connections(listening: socket.socket) -> None:
    """Let the system end connections of clients that are gone, or take nothing of what they are sent.

    Args:
        listening: Its connections have its options.
    """
    options: dict[Any, int] = {
        socket.TCP_USER_TIMEOUT: _TAKEN_WITHIN_MS,
        socket.TCP_KEEPIDLE: _SILENCE,
        socket.TCP_KEEPINTVL: _BETWEEN,
        socket.TCP_KEEPCNT: _QUESTIONS,
    }
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in options.items():
        listening.setsockopt(socket.IPPROTO_TCP, option, value)
