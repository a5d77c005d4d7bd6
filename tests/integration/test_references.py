"""Audio of any size through our clients: large audio lies in a store, and a consumer need not know."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from schemas import CompressedAudio, MediaType, RawAudio, Record, Rejection
from schemas.topics import COMPRESSED, RAW, RECORDINGS
from streams.clients import (
    AudioNotFetchedError,
    BrokenReferenceError,
    Call,
    CompressedAudioConsumer,
    ContractError,
    RawAudioProducer,
    StoresRequiredError,
    StoresUnavailableError,
)
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError, pool
from streams.stores.claim_check import ClaimCheck
from streams.stores.connecting import REQUEST_TIMEOUT
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT
from tests.support.events import RAW as EVENT
from tests.support.result_topic import ResultTopic, result_topic
from tests.support.topic_records import first_records

WITHIN = 90.0
LARGE = bytes(range(256)) * 4000  # above the inline limit
SMALL = bytes(320)


@dataclass(frozen=True)
class Installation:
    """Topics, and a directory as their store."""

    servers: str
    prefix: str
    directory: Path
    results: ResultTopic

    @property
    def stores(self) -> str:
        return f"file://{self.directory}"

    @property
    def claim_check(self) -> ClaimCheck:
        stores = Stores.of(replace(StoresConfiguration.parse(self.stores), checked=False))
        return ClaimCheck(stores, inline_limit=1000)

    def object_of(self, result: CompressedAudio) -> Path:
        return Path(str(result.data_ref).removeprefix("file://"))

    def producer(self, stores: str | None, *, max_size: int = 2**31) -> RawAudioProducer:
        recordings = f"{self.prefix}{RECORDINGS}"
        return RawAudioProducer(
            self.servers, f"{self.prefix}{RAW}", recordings=recordings, stores=stores, max_size=max_size
        )

    def consumer(
        self, stores: str | None, group: str | None = None, fetch_limit: int = 2**25
    ) -> CompressedAudioConsumer:
        return CompressedAudioConsumer(
            self.servers,
            f"{self.prefix}{COMPRESSED}",
            group_id=group,
            from_beginning=True,
            stores=stores,
            fetch_limit=fetch_limit,
        )

    async def records(self, topic: str, count: int) -> list[Record]:
        return await first_records(self.servers, f"{self.prefix}{topic}", count)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores that fail are given up soon."""
    monkeypatch.setattr(pool, "DEADLINE", REQUEST_TIMEOUT + 1.0)


@pytest.fixture
async def installed(broker: Broker, namespace: Namespace, tmp_path: Path) -> AsyncIterator[Installation]:
    async with result_topic(broker, namespace) as results:
        yield Installation(broker.bootstrap_servers, namespace.prefix, tmp_path / "stored", results)


async def next_of(consumer: CompressedAudioConsumer) -> CompressedAudio | Rejection:
    async with asyncio.timeout(WITHIN):
        return await anext(consumer)


async def test_large_audio_is_sent_by_reference_from_memory_and_from_a_file(
    installed: Installation, tmp_path: Path
) -> None:
    large, small = tmp_path / "large.wav", tmp_path / "small.wav"
    large.write_bytes(LARGE)
    small.write_bytes(SMALL)
    wav = replace(EVENT, media_type=MediaType("audio/wav"))
    async with installed.producer(installed.stores) as producer:
        sent = [
            await producer.send(replace(EVENT, audio=LARGE)),
            await producer.send(replace(wav, audio=b""), large),
            await producer.send(replace(wav, audio=b""), small),
            await producer.send(EVENT),
        ]
    assert [one.topic.removeprefix(installed.prefix) for one in sent] == [RECORDINGS, RECORDINGS, RAW, RAW]
    digest = hashlib.sha256(LARGE).hexdigest()
    for record in await installed.records(RECORDINGS, 2):
        event = RawAudio.from_record(record)
        assert isinstance(event, RawAudio)
        assert (event.audio, event.data_sha256) == (b"", digest)
        assert event.data_ref == f"{installed.stores}/sha256/{digest[:2]}/{digest}"
    assert [one.value for one in await installed.records(RAW, 2)] == [SMALL, EVENT.audio]


async def test_nothing_is_stored_of_an_event_that_cannot_be_sent(installed: Installation, tmp_path: Path) -> None:
    file = tmp_path / "call.raw"
    async with installed.producer(installed.stores, max_size=2**20) as producer:
        file.write_bytes(LARGE)
        with pytest.raises(ContractError, match="ce_hotelid"):
            await producer.send(replace(EVENT, hotel_id="", audio=b""), file)
        with pytest.raises(ContractError, match="whole number of 2-byte"):
            await producer.send(replace(EVENT, audio=LARGE + b"x"))
        file.write_bytes(b"")
        with pytest.raises(ContractError, match="is empty"):
            await producer.send(replace(EVENT, audio=b""), file)
        file.write_bytes(bytes(2**20 + 2))
        with pytest.raises(ContractError, match="may have 1048576"):
            await producer.send(replace(EVENT, audio=b""), file)
        with pytest.raises(FileNotFoundError):
            await producer.send(EVENT, tmp_path / "missing")
    async with installed.producer(None) as producer:
        file.write_bytes(bytes(9 * 2**20))
        with pytest.raises(StoresRequiredError, match="give the producer stores"):
            await producer.send(replace(EVENT, audio=b""), file)
    assert not list((tmp_path / "stored").rglob("sha256/*/*"))


@pytest.mark.usefixtures("impatient")
async def test_a_store_that_fails_is_told_in_plain_words(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    async with installed.producer(f"file://{tmp_path}/file/stored") as producer:
        with pytest.raises(StoresUnavailableError, match="check the stores' addresses") as error:
            await producer.send(replace(EVENT, audio=LARGE))
    assert "\n" not in str(error.value)


async def test_a_result_by_reference_arrives_as_if_it_had_come_with_its_file(
    installed: Installation, tmp_path: Path
) -> None:
    stored = installed.claim_check.store_result(RESULT, LARGE)
    await installed.results.write(stored.to_record(), RESULT.to_record(), stored.to_record(), stored.to_record())
    async with installed.consumer(installed.stores) as consumer:
        assert await next_of(consumer) == replace(RESULT, audio=LARGE)
        assert await next_of(consumer) == RESULT
        assert await consumer.files.read(stored) == LARGE
        assert b"".join([part async for part in consumer.files.parts(stored)]) == LARGE
        assert [part async for part in consumer.files.parts(RESULT)] == [RESULT.audio]
        await consumer.files.save(stored, tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == LARGE
        installed.object_of(stored).write_bytes(LARGE[::-1])
        rejection = await next_of(consumer)
        assert isinstance(rejection, Rejection)
        assert (rejection.stage, rejection.code) == ("fetch", "ObjectChanged")
        installed.object_of(stored).unlink()
        rejection = await next_of(consumer)
        assert isinstance(rejection, Rejection)
        assert rejection.code == "ObjectMissing"
        with pytest.raises(BrokenReferenceError, match="no such object"):
            await consumer.files.save(stored, tmp_path / "saved")
        with pytest.raises(BrokenReferenceError, match="configured stores"):
            await consumer.files.read(replace(stored, data_ref="file:///etc/passwd"))
    assert (tmp_path / "saved").read_bytes() == LARGE, "nothing replaces it"


async def test_a_file_above_the_limit_stays_where_it_is(installed: Installation) -> None:
    stored = installed.claim_check.store_result(replace(RESULT, final=True), LARGE)
    await installed.results.write(stored.to_record())
    async with installed.consumer(None) as consumer:
        assert await next_of(consumer) == stored
        with pytest.raises(StoresRequiredError):
            await consumer.files.read(stored)
    async with installed.consumer(installed.stores, fetch_limit=1000) as consumer:
        assert await next_of(consumer) == stored
        assert await consumer.files.read(stored) == LARGE
    async with installed.consumer(installed.stores, fetch_limit=1000) as consumer:
        call = await anext(consumer.calls())
        assert isinstance(call, Call)
        with pytest.raises(AudioNotFetchedError, match="fetch_limit"):
            call.tracks[0].join()


async def test_a_call_has_the_files_of_its_segments_wherever_they_were(installed: Installation) -> None:
    first = installed.claim_check.store_result(replace(RESULT, sequence=0), LARGE)
    missing = installed.claim_check.store_result(replace(RESULT, sequence=1, causation_id="2"), LARGE + b"x")
    installed.object_of(missing).unlink()
    last = replace(RESULT, sequence=2, causation_id="3", final=True)
    await installed.results.write(first.to_record(), missing.to_record(), last.to_record())
    async with installed.consumer(installed.stores) as consumer:
        call = await anext(consumer.calls())
    assert isinstance(call, Call)
    assert [one.result.audio for one in call.tracks[0].segments] == [LARGE, b"", RESULT.audio]
    [problem] = call.problems
    assert "segment 1 has no file" in problem
    assert "no such object" in problem


async def test_a_result_whose_store_fails_arrives_when_the_store_is_back(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = installed.claim_check.store_result(RESULT, LARGE)
    await installed.results.write(stored.to_record(), RESULT.to_record())

    def fails(*_: object, **__: object) -> bytes:
        raise StoreUnavailableError("s3://hotel-audio refuses connections")

    async with installed.consumer(installed.stores, f"{installed.prefix}readers") as consumer:
        with monkeypatch.context() as broken:
            broken.setattr(Stores, "read", fails)
            for _ in range(2):
                with pytest.raises(StoresUnavailableError, match="refuses connections: check the stores'"):
                    await next_of(consumer)
        assert await next_of(consumer) == replace(RESULT, audio=LARGE)
        assert await next_of(consumer) == RESULT
