"""References to what cannot be served: each is a dead letter with the original intact, and its partition goes on."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import CompressedAudio, DeadLetter, Position, RawAudio, Record
from schemas.topics import RAW, RECORDINGS
from streams.kafka.connection import KafkaConnection
from tests.chaos.workers import running
from tests.contract.test_structured import content_of, structured
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW as EVENT
from tests.support.recordings import WAV, Installation, recording

pytestmark = pytest.mark.timeout(300)

MAX_SIZE = 50_000
#: The codes of what is sent, in order; an empty one stands for a result.
CODES = (
    "ForbiddenReference",
    "ForbiddenReference",
    "ForbiddenReference",
    "ForbiddenReference",
    "ObjectMissing",
    "ObjectMissing",
    "EmptyObject",
    "ObjectChanged",
    "ObjectTooLarge",
    "ValueAndReference",
    "",
)


@pytest.fixture
def installation(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Installation:
    made = Installation(broker, namespace, tmp_path)
    made.store.mkdir()
    return made


def inputs(store: Path, elsewhere: Path) -> list[RawAudio]:
    """An input for each of `CODES`; the objects that they need are written."""
    (elsewhere / "secret").write_bytes(os.urandom(100))
    (store / "link").symlink_to(elsewhere / "secret")
    (store / "empty").touch()
    (store / "large").write_bytes(bytes(MAX_SIZE + 1))
    good = recording(store / "good.wav", 2)
    digest = hashlib.sha256(good.read_bytes()).hexdigest()

    def event(reference: str, sha256: str | None = None) -> RawAudio:
        return replace(EVENT, id=reference, media_type=WAV, audio=b"", data_ref=reference, data_sha256=sha256)

    return [
        event("file:///etc/passwd"),
        event(f"file://{store}/%2e%2e/secret"),
        event("http://169.254.169.254/latest/meta-data"),
        event("s3://another-bucket/key"),
        event(f"file://{store}/nothing"),
        event(f"file://{store}/link"),
        event(f"file://{store}/empty"),
        event(f"file://{store}/good.wav", "0" * 64),
        event(f"file://{store}/large"),
        replace(event(f"file://{store}/good.wav"), audio=b"RIFF"),
        event(f"file://{store}/good.wav", digest),
    ]


async def send(installation: Installation, topic: str, records: list[Record]) -> None:
    """Write records as they are, as another program may."""
    async with KafkaConnection(installation.broker.bootstrap_servers).producer() as producer:
        for record in records:
            sent = await producer.send_and_wait(
                f"{installation.namespace.prefix}{topic}", record.value, key=record.key, headers=list(record.headers)
            )
            installation.sent.append(Position(sent.topic, sent.partition, sent.offset))


@pytest.mark.parametrize(("topic", "mode"), [(RECORDINGS, "binary"), (RAW, "structured")])
async def test_each_is_a_dead_letter_and_what_follows_is_served(
    installation: Installation, tmp_path: Path, topic: str, mode: str
) -> None:
    events = inputs(installation.store, tmp_path)
    records = [one.to_record() if mode == "binary" else structured(in_json(one)) for one in events]
    await send(installation, topic, records)
    with running(installation.worker(AUDIO_MAX_SIZE=str(MAX_SIZE))):
        outcomes = {one.source: one.event for one in await installation.outcomes()}
    assert len(outcomes) == len(CODES)
    for position, record, code in zip(installation.sent, records, CODES, strict=True):
        outcome = outcomes[position]
        if not code:
            assert isinstance(outcome, CompressedAudio)
            assert outcome.duration_ms == 2000
            continue
        assert isinstance(outcome, DeadLetter)
        field = "ce_dataref" if mode == "binary" else "dataref"
        assert (outcome.rejection.code, outcome.rejection.field) == (code, field)
        assert replace(outcome.original, timestamp_ms=None) == record


def in_json(event: RawAudio) -> dict[str, object]:
    """An event as a JSON object, also one that has both its audio and a reference."""
    both = {"data_base64": "UklGRg=="} if event.audio else {}
    return content_of(event) | both
