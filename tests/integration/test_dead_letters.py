"""Reading dead letters, and sending their inputs in again."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas import DeadLetter, Position, Record, Rejection
from schemas.topics import DEAD_LETTER, RAW
from scripts.commands import dead_letters
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace

ORIGINAL = Record(b"call-1", b"what was sent", (("ce_id", b"pbx-1"), ("ce_callid", b"call-1")), 1_700_000_000_000)
WHY = Rejection("contract", "MissingHeader", "ce_hotelid", "is required")


@pytest.fixture
async def cluster(broker: Broker, namespace: Namespace) -> list[str]:
    """Options for a cluster with three dead letters in transactions of their own, and an unreadable one."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=namespace.group)
    letters = [DeadLetter(ORIGINAL, Position(f"{namespace.prefix}{RAW}", 3, offset), WHY) for offset in range(3)]
    records = [letter.to_record() for letter in letters] + [Record(b"call-2", b"strange")]
    async with producer:
        for record in records:
            async with producer.transaction():
                await producer.send(
                    f"{namespace.prefix}{DEAD_LETTER}",
                    record.value,
                    key=record.key,
                    partition=3,
                    headers=list(record.headers),
                )
    return ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]


async def test_the_latest_are_listed_with_their_reasons(cluster: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert await command("--last", "2", *cluster) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("3:")] == ["3:4", "3:6"]
    (readable,) = (line for line in lines if line.startswith("3:4"))
    assert {"call-1", "3:2", "13", "contract", "MissingHeader", "2023-11-14T22:13:20Z"} <= set(readable.split())


async def test_one_is_saved_and_sent_in_again_as_it_came(
    cluster: list[str], broker: Broker, namespace: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("--save", str(tmp_path), "--replay", "3:2", *cluster) == 0
    assert (tmp_path / "3-2.bin").read_bytes() == ORIGINAL.value
    assert f"3:2 is {namespace.prefix}{RAW} 3:0 now" in capsys.readouterr().out
    consumer = AIOKafkaConsumer(
        f"{namespace.prefix}{RAW}", bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest"
    )
    async with consumer:
        again = await asyncio.wait_for(consumer.getone(), 20)
    assert (again.partition, again.key, again.value, tuple(again.headers)) == (
        3,
        ORIGINAL.key,
        ORIGINAL.value,
        ORIGINAL.headers,
    )
    assert again.timestamp > 1_700_000_000_000


async def test_what_was_cut_is_said_and_not_sent_again(
    cluster: list[str], broker: Broker, namespace: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = DeadLetter(replace(ORIGINAL, value=bytes(70_000)), Position(f"{namespace.prefix}{RAW}", 3, 9), WHY)
    record = whole.fitted(1).to_record()
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        topic = f"{namespace.prefix}{DEAD_LETTER}"
        sent = await producer.send_and_wait(topic, record.value, partition=3, headers=list(record.headers))
    place = f"3:{sent.offset}"
    assert await command("--last", "1", *cluster) == 0
    assert "70000" in capsys.readouterr().out
    assert await command("--save", str(tmp_path), "--replay", place, *cluster) == 1
    told = capsys.readouterr()
    assert "only the beginning" in told.out
    assert f"{place} cannot be sent again" in told.err


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("3:1", "no dead letter at 3:1"),
        ("9:0", "no dead letter at 9:0"),
        ("3:6", "3:6 cannot be sent again: it cannot be read"),
    ],
)
async def test_what_is_none_is_said_and_nothing_is_sent(
    place: str, named: str, cluster: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("--replay", place, *cluster) == 1
    told = capsys.readouterr()
    assert named in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(dead_letters.main, list(arguments))
