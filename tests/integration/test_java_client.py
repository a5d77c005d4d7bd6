"""Kafka's own client on both sides of a worker: it sends in every codec and in transactions, and reads the results."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.topics import COMPRESSED
from schemas.topics import RAW as RAW_TOPIC
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW
from tests.support.java_client import Codec, Mode, consume, produce

CODECS: tuple[Codec, ...] = ("none", "gzip", "snappy", "lz4", "zstd")
MODES: tuple[Mode, ...] = ("plain", "committed", "aborted")


@pytest.mark.timeout(300)
async def test_what_it_sends_is_answered_and_it_reads_the_answers(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker")
    sent = [
        (codec, mode, replace(RAW, id=f"{codec}-{mode}-{number}").to_record())
        for codec in CODECS
        for mode in MODES
        for number in range(2)
    ]
    with running(worker):
        topic = f"{namespace.prefix}{RAW_TOPIC}"
        places = await asyncio.to_thread(produce, broker.bootstrap_servers, topic, sent)
        wanted = {
            f"{codec}-{mode}-{number}": places[at + number]
            for at, (codec, mode, _) in list(enumerate(sent))[::2]
            for number in range(2)
            if mode != "aborted"
        }
        results = f"{namespace.prefix}{COMPRESSED}"
        found = await asyncio.to_thread(consume, broker.bootstrap_servers, results, len(wanted), within=60.0)

    causes = [one.headers["ce_causationid"].decode() for one in found]
    assert sorted(causes) == sorted(wanted)
    for one, cause in zip(found, causes, strict=True):
        assert (one.partition, int(one.headers["ce_sourceoffset"])) == wanted[cause]
        assert one.key == RAW.call_id.encode()
        assert one.headers["ce_sha256"].decode() == hashlib.sha256(one.value).hexdigest()
