"""Claim checks through a genuine S3 server: our clients, and what is wrong with references and objects."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from infra.stores.local import BUCKET, LocalStores
from schemas import CompressedAudio, MediaType, RawAudio, Record, Rejection
from schemas.topics import COMPRESSED, RAW, RECORDINGS
from streams.clients import CompressedAudioConsumer, RawAudioProducer
from streams.stores import content_key
from streams.stores.claim_check import ClaimCheck
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT
from tests.support.events import RAW as EVENT
from tests.support.object_stores import configuration, stores_of, unique_prefix
from tests.support.result_topic import result_topic

WITHIN = 90.0
LIMIT = 6 * 2**20
WAV = replace(EVENT, media_type=MediaType("audio/wav"), audio=b"")


@pytest.fixture
def claim_check(object_stores: LocalStores) -> Iterator[ClaimCheck]:
    stores = stores_of(object_stores)
    yield ClaimCheck(stores, inline_limit=1000, max_size=LIMIT)
    stores.close()


async def test_a_file_of_several_parts_goes_through_the_store_and_its_result_comes_back(
    broker: Broker, namespace: Namespace, object_stores: LocalStores, claim_check: ClaimCheck, tmp_path: Path
) -> None:
    stores, prefix, content = configuration(object_stores), namespace.prefix, os.urandom(LIMIT - 1)
    file, fetched = tmp_path / "hour.wav", tmp_path / "fetched"
    file.write_bytes(content)
    async with result_topic(broker, namespace) as results:
        async with RawAudioProducer(
            broker.bootstrap_servers, f"{prefix}{RAW}", recordings=f"{prefix}{RECORDINGS}", stores=stores
        ) as producer:
            position = await producer.send(WAV, file)
        assert position.topic == f"{prefix}{RECORDINGS}"
        await results.write(claim_check.store_result(RESULT, file).to_record())
        async with (
            asyncio.timeout(WITHIN),
            CompressedAudioConsumer(
                broker.bootstrap_servers, f"{prefix}{COMPRESSED}", from_beginning=True, stores=stores
            ) as consumer,
        ):
            result = await anext(consumer)
    assert isinstance(result, CompressedAudio)
    assert result.audio == content
    event = claim_check.store_input(WAV, file)
    assert str(event.data_ref).startswith(f"s3://{BUCKET}/sha256/")
    assert claim_check.fetch_input(event, fetched) == len(content)
    assert fetched.read_bytes() == content


@pytest.mark.parametrize(
    ("key", "content", "code"),
    [
        ("call 1/ä.wav", b"RIFF", None),
        ("too-large", bytes(LIMIT + 1), "ObjectTooLarge"),
        ("empty", b"", "EmptyObject"),
        ("nothing", None, "ObjectMissing"),
    ],
)
def test_an_object_is_fetched_or_the_reason_told(
    claim_check: ClaimCheck, tmp_path: Path, key: str, content: bytes | None, code: str | None
) -> None:
    key = f"{unique_prefix()}/{key}"
    if content is not None:
        claim_check.stores.put(key, content)
    fetched = claim_check.fetch_input(event_of(f"s3://{BUCKET}/{quote(key)}"), tmp_path / "fetched")
    if code is None:
        assert fetched == len(content or b"")
    else:
        assert isinstance(fetched, Rejection)
        assert (fetched.stage, fetched.code) == ("fetch", code)


def test_an_object_that_was_changed_since_its_reference_was_sent_is_refused(
    claim_check: ClaimCheck, tmp_path: Path
) -> None:
    stored = claim_check.store(os.urandom(3000))
    claim_check.stores.put(content_key(stored.sha256), os.urandom(3000))
    event = replace(event_of(stored.data_ref), data_sha256=stored.sha256)
    rejection = claim_check.fetch_input(event, tmp_path / "fetched")
    assert isinstance(rejection, Rejection)
    assert rejection.code == "ObjectChanged"


@pytest.mark.parametrize(
    "reference", ["s3://another/key", f"s3://{BUCKET}/a/../b", f"s3://{BUCKET}/%2e%2e/b", "file:///etc/passwd"]
)
def test_nothing_else_is_read(claim_check: ClaimCheck, tmp_path: Path, reference: str) -> None:
    rejection = claim_check.fetch_input(event_of(reference), tmp_path / "fetched")
    assert isinstance(rejection, Rejection)
    assert rejection.code == "ForbiddenReference"


def event_of(reference: str) -> RawAudio:
    """An event that names an object, as it was read from a record."""
    record: Record = replace(WAV, data_ref=reference).to_record()
    event = RawAudio.from_record(record)
    assert isinstance(event, RawAudio)
    return event
