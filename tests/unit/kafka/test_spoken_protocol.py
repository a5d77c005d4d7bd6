"""What a port speaks."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest

from streams.kafka.connection_refusal import mismatch_of
from streams.kafka.connection_security import ConnectionSecurity, client_context
from streams.kafka.spoken_protocol import Spoken, spoken_at, spoken_in

PLAIN, SECURE = ConnectionSecurity(), ConnectionSecurity(tls=client_context(None))


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        (b"", Spoken.NOTHING),
        (b"HTTP/1.1 400 Bad Request\r\n", Spoken.HTTP),
        (b"<!DOCTYPE HTML>", Spoken.HTTP),
        (b"\x15\x03\x01\x00\x02\x02\x46", Spoken.TLS),
        (struct.pack(">ii", 350, 0x68617564) + bytes(20), Spoken.KAFKA),
        (struct.pack(">ii", 350, 7), Spoken.OTHER),
        (b"SSH-2.0-OpenSSH_9.2p1", Spoken.OTHER),
    ],
)
def test_an_answer_says_its_protocol(answer: bytes, spoken: Spoken) -> None:
    assert spoken_in(answer) is spoken


@pytest.mark.parametrize(
    ("spoken", "security", "said"),
    [
        (Spoken.HTTP, PLAIN, "speaks HTTP, not Kafka"),
        (Spoken.TLS, PLAIN, "speaks TLS, and this connection is PLAINTEXT: it needs SSL or SASL_SSL"),
        (Spoken.KAFKA, SECURE, "speaks Kafka in plain text, and this connection is SSL"),
        (Spoken.KAFKA, PLAIN, None),
        (Spoken.TLS, SECURE, None),
        (Spoken.NOTHING, SECURE, None),
    ],
)
def test_what_does_not_fit_is_told(spoken: Spoken, security: ConnectionSecurity, said: str | None) -> None:
    mismatch = mismatch_of(spoken, security)
    assert mismatch is None if said is None else mismatch is not None and mismatch.startswith(said)


async def asked(answer: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]) -> Spoken:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(await reader.read(1000), writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        return await spoken_at("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_a_server_of_http_that_waits_for_a_line_is_found() -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        if request.startswith(b"GET "):
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n")

    assert await asked(answer) is Spoken.HTTP


async def test_a_port_that_closes_every_connection_speaks_nothing() -> None:
    async def answer(_: bytes, __: asyncio.StreamWriter) -> None:
        pass

    assert await asked(answer) is Spoken.NOTHING
