"""The proxy in front of a store, and the oracle's view of results that are references."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.kafka.ports import HOST, free_ports
from infra.stores.local import BUCKET
from tests.chaos.object_stores import BenchStores
from tests.chaos.records import ObservedRecord
from tests.chaos.store_proxy import StoreProxy

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nOggS"


@pytest.fixture
async def proxy() -> AsyncIterator[StoreProxy]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(ANSWER)
        writer.close()

    first = free_ports(2)
    made = StoreProxy(first, first + 1)
    async with await asyncio.start_server(answer, HOST, first):
        await made.start()
        yield made
        await made.stop()


async def asked(proxy: StoreProxy, request: bytes) -> bytes:
    """What comes until the proxy closes the connection, or the whole answer."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    writer.write(request)
    received = b""
    try:
        while len(received) < len(ANSWER) and (data := await reader.read(1000)):
            received += data
    except ConnectionResetError:
        pass
    writer.close()
    return received


async def test_a_full_store_refuses_what_would_be_written_and_answers_the_rest(proxy: StoreProxy) -> None:
    assert await asked(proxy, b"PUT /x HTTP/1.1\r\n\r\n") == ANSWER
    proxy.full = True
    assert (await asked(proxy, b"PUT /x HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 507 ")
    assert await asked(proxy, b"GET /x HTTP/1.1\r\n\r\n") == ANSWER
    proxy.restore()
    assert await asked(proxy, b"PUT /x HTTP/1.1\r\n\r\n") == ANSWER


async def test_answers_are_cut_short(proxy: StoreProxy) -> None:
    proxy.cut_short = True
    assert len(await asked(proxy, b"GET /x HTTP/1.1\r\n\r\n")) < len(ANSWER)


def observed(value: bytes, reference: str | None) -> ObservedRecord:
    headers = () if reference is None else (("ce_dataref", reference.encode()),)
    return ObservedRecord("audio.compressed", 0, 1, b"call", value, headers, 0)


def test_references_are_read_from_the_disk_and_missing_objects_stay_missing(tmp_path: Path) -> None:
    stores = BenchStores(tmp_path)
    path = tmp_path / "data" / BUCKET / "sha256" / "ab" / "abcd"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"OggS")
    named = f"s3://{BUCKET}/sha256/ab/abcd"
    filled = [stores.filled(one) for one in (observed(b"", named), observed(b"", f"{named}e"), observed(b"fLaC", None))]
    assert [one.value for one in filled] == [b"OggS", b"", b"fLaC"]
