import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiokafka import AIOKafkaProducer

from schemas import CompressedAudio, RawAudio, Record, Rejection
from schemas.raw_audio import MAX_RAW_BYTES
from schemas.topics import COMPRESSED, RAW
from scripts.commands import emit, listen, topics
from streams.clients import CompressedAudioConsumer, ContractError, RawAudioProducer
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT
from tests.support.events import RAW as EVENT
from tests.support.result_topic import ResultTopic
from tests.support.topic_records import first_records

WITHIN = 20.0


@pytest.fixture
async def prefix(broker: Broker, namespace: Namespace) -> str:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return namespace.prefix


@pytest.fixture
async def results(broker: Broker, prefix: str) -> AsyncIterator[ResultTopic]:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{prefix}tests", max_request_size=10 * 2**20
    )
    await producer.start()
    yield ResultTopic(producer, f"{prefix}{COMPRESSED}")
    await producer.stop()


async def receive(consumer: CompressedAudioConsumer, count: int) -> list[CompressedAudio | Rejection]:
    async with asyncio.timeout(WITHIN):
        return [await anext(consumer) for _ in range(count)]


async def test_what_is_sent_arrives_unchanged(broker: Broker, prefix: str) -> None:
    async with RawAudioProducer(broker.bootstrap_servers, f"{prefix}{RAW}") as producer:
        first = await producer.send(EVENT)
        second = await producer.send(replace(EVENT, sequence=1))
    assert (second.topic, second.partition, second.offset) == (first.topic, first.partition, first.offset + 1)
    records = await first_records(broker.bootstrap_servers, f"{prefix}{RAW}", 2)
    assert [RawAudio.from_record(record) for record in records] == [EVENT, replace(EVENT, sequence=1)]


async def test_the_line_keeps_its_order(broker: Broker, prefix: str) -> None:
    events = [replace(EVENT, sequence=number) for number in range(200)]
    async with RawAudioProducer(broker.bootstrap_servers, f"{prefix}{RAW}") as producer:
        positions = await asyncio.gather(*[await producer.send_soon(event) for event in events])
    assert [position.offset for position in positions] == list(range(200))


async def test_the_largest_event_fits(broker: Broker, prefix: str) -> None:
    event = replace(EVENT, audio=bytes(MAX_RAW_BYTES))
    async with RawAudioProducer(broker.bootstrap_servers, f"{prefix}{RAW}") as producer:
        await producer.send(event)
    assert [
        RawAudio.from_record(record) for record in await first_records(broker.bootstrap_servers, f"{prefix}{RAW}", 1)
    ] == [event]


async def test_an_event_that_breaks_the_contract_is_not_sent(broker: Broker, prefix: str) -> None:
    async with RawAudioProducer(broker.bootstrap_servers, f"{prefix}{RAW}") as producer:
        with pytest.raises(ContractError, match="ce_callid"):
            await producer.send(replace(EVENT, call_id=""))
        with pytest.raises(ContractError, match="whole number of 2-byte sample frames"):
            await producer.send(replace(EVENT, audio=bytes(321)))
        assert (await producer.send(EVENT)).offset == 0


async def test_results_arrive_in_order_and_foreign_records_as_rejections(
    broker: Broker, prefix: str, results: ResultTopic
) -> None:
    second = replace(RESULT, sequence=1, channel="guest", final=True)
    await results.write(RESULT.to_record(), Record(b"call-1", b"?"), second.to_record())
    async with CompressedAudioConsumer(
        broker.bootstrap_servers, f"{prefix}{COMPRESSED}", from_beginning=True
    ) as consumer:
        first, foreign, last = await receive(consumer, 3)
    assert (first, last) == (RESULT, second)
    assert isinstance(foreign, Rejection)
    assert foreign.code == "MissingHeader"


async def test_unfinished_transactions_stay_unseen(broker: Broker, prefix: str, results: ResultTopic) -> None:
    await results.write(replace(RESULT, sequence=0).to_record(), commit=False)
    await results.write(replace(RESULT, sequence=1).to_record())
    async with CompressedAudioConsumer(
        broker.bootstrap_servers, f"{prefix}{COMPRESSED}", from_beginning=True
    ) as consumer:
        assert await receive(consumer, 1) == [replace(RESULT, sequence=1)]


async def test_without_a_group_the_next_result_is_the_first(broker: Broker, prefix: str, results: ResultTopic) -> None:
    await results.write(RESULT.to_record())
    new = replace(RESULT, sequence=1)
    async with CompressedAudioConsumer(broker.bootstrap_servers, f"{prefix}{COMPRESSED}") as consumer:
        await results.write(new.to_record())
        assert await receive(consumer, 1) == [new]


async def test_a_group_that_has_committed_reads_new_partitions_from_their_beginning(
    broker: Broker, prefix: str, results: ResultTopic
) -> None:
    async def read(count: int) -> list[object]:
        topic = f"{prefix}{COMPRESSED}"
        async with CompressedAudioConsumer(
            broker.bootstrap_servers, topic, group_id=f"{prefix}readers", from_beginning=not results.grown
        ) as consumer:
            received: list[object] = [await asyncio.wait_for(anext(consumer), WITHIN) for _ in range(count)]
            await consumer.commit()
            return received

    await results.write(RESULT.to_record())
    assert await read(1) == [RESULT]
    await results.grow(9)
    await results.write(RESULT.to_record(), partition=8)
    assert await read(1) == [RESULT]


async def test_commands_work_together(
    broker: Broker, prefix: str, results: ResultTopic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", prefix, "--group", "other"]
    assert await asyncio.to_thread(topics.main, ["apply", *where]) == 0
    assert await asyncio.to_thread(topics.main, ["check", *where]) == 0
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, np.zeros(24_000, np.int16), 8000)
    files = [str(tmp_path / name) for name in ("a.wav", "b.flac")]
    arguments = [*files, "--hotel", "seaside", "--call", "call", "--segment", "1", *where]
    assert await asyncio.to_thread(emit.main, arguments) == 0
    events = [
        RawAudio.from_record(record) for record in await first_records(broker.bootstrap_servers, f"{prefix}{RAW}", 6)
    ]
    sent = sorted((e.call_id, e.sequence, e.final) for e in events if isinstance(e, RawAudio))
    assert sent == [(call, n, n == 2) for call in ("call", "call-2") for n in range(3)]

    await results.write(RESULT.to_record())
    listening = ["--from-beginning", "--count", "1", "--timeout", "15", "--save", str(tmp_path / "out"), *where]
    assert await asyncio.to_thread(listen.main, listening) == 0
    output = capsys.readouterr().out
    assert "call-2: 3 segments, 3.00 s, 48000 bytes" in output
    assert "call-1 any #- level 3 opus 32000 -> 4 bytes (8000.0x) 2.00 s quality 4.30 cache miss" in output
    assert [path.read_bytes() for path in (tmp_path / "out").glob("*/*/*.ogg")] == [RESULT.audio]
