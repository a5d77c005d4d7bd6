"""What a port speaks: Kafka, TLS, HTTP or something else. A wrong port reads as a time-out in Kafka's clients."""

import asyncio
import ssl
import struct
from enum import StrEnum

_WITHIN = 5.0  # seconds for an answer
_ANSWER_BYTES = 4096
_CORRELATION = 0x68617564  # any number: a Kafka broker repeats it
_LARGEST_FRAME = 1 << 20
_API_VERSIONS = 18
_HTTP_REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Spoken(StrEnum):
    """What a port speaks."""

    KAFKA = "Kafka"
    TLS = "TLS"
    HTTP = "HTTP"
    NOTHING = "nothing"
    OTHER = "another protocol"


def spoken_in(answer: bytes) -> Spoken:
    """What the answer to a first request of Kafka, or of HTTP, is written in.

    Args:
        answer: Its first bytes; empty if there was none.
    """
    if not answer:
        return Spoken.NOTHING
    if answer[:2] in {b"\x15\x03", b"\x16\x03"}:  # an alert or a handshake, of version 3.x
        return Spoken.TLS
    if answer.startswith((b"HTTP/", b"<")):
        return Spoken.HTTP
    if len(answer) >= 8:  # noqa: PLR2004  a frame's size and the correlation id
        size, correlation = struct.unpack(">ii", answer[:8])
        if correlation == _CORRELATION and 0 < size < _LARGEST_FRAME:
            return Spoken.KAFKA
    return Spoken.OTHER


async def spoken_at(host: str, port: int, tls: ssl.SSLContext | None = None) -> Spoken:
    """Ask a port what it speaks; within fifteen seconds.

    Args:
        host: Name or address.
        port: TCP port, which accepts connections.
        tls: Ask inside of TLS; None asks the port itself.

    Raises:
        OSError: If it does not accept a connection, or the handshake fails.
    """
    first = spoken_in(await _answer(host, port, _kafka_request(), tls))
    if first not in {Spoken.NOTHING, Spoken.OTHER}:
        return first
    if tls is None and await _shakes_hands(host, port):
        return Spoken.TLS
    second = spoken_in(await _answer(host, port, _HTTP_REQUEST, tls))
    return Spoken.HTTP if second is Spoken.HTTP else first


def trusting_context() -> ssl.SSLContext:
    """A context that takes any certificate, to look at it. Never send anything with it that matters."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _kafka_request() -> bytes:
    """A request for the versions of a broker's interface, which it answers to anybody."""
    client = b"hotel-audio"
    body = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION, len(client)) + client
    return struct.pack(">i", len(body)) + body


async def _answer(host: str, port: int, request: bytes, tls: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(request)
        async with asyncio.timeout(_WITHIN):
            return await reader.read(_ANSWER_BYTES)
    except (TimeoutError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


async def _shakes_hands(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_WITHIN):
            _, writer = await asyncio.open_connection(host, port, ssl=trusting_context())
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
