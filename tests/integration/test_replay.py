"""Replay of many dead letters: selected, checked before anything is sent, sent all or none, and reported one by one."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from infra.kafka.cluster import LocalCluster
from schemas import DeadLetter, Position, Record, Rejection
from schemas.topics import DEAD_LETTER, RAW, REPLAYS
from scripts.commands import dead_letters
from streams.clients.errors import ReplayError, ReplayReplacedError
from streams.clients.letters import LetterPosition
from streams.clients.replay import ReplayedInput, Replayer
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.workers import ROOT
from tests.support.brokers import Broker, Namespace

YEAR_58883 = 1_796_000_000_000_000  # milliseconds where somebody has written microseconds


def letter(namespace: Namespace, number: int, **differences: Any) -> DeadLetter:
    original = Record(
        b"call-1", b"%d" % number, (("ce_id", b"%d" % number), ("ce_hotelid", [b"lisbon", b"porto"][number % 2]))
    )
    reason = Rejection("contract", ["MissingHeader", "WrongKey"][number // 2 % 2], "ce_callid", "is required")
    position = Position(f"{namespace.prefix}{RAW}", number % 4, number)
    return replace(DeadLetter(replace(original, timestamp_ms=1_700_000_000_000), position, reason), **differences)


async def write(bootstrap: str, namespace: Namespace, letters: Sequence[DeadLetter]) -> list[LetterPosition]:
    """Write dead letters to the topic."""
    topic, places = f"{namespace.prefix}{DEAD_LETTER}", []
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=f"{namespace.group}-writer", max_request_size=2**24
    ) as producer:
        for one in letters:
            record = one.to_record()
            async with producer.transaction():
                done = await producer.send_and_wait(
                    topic,
                    record.value,
                    key=record.key,
                    partition=one.position.partition,
                    headers=list(record.headers),
                )
            places.append(LetterPosition(done.partition, done.offset))
    return places


async def inputs(bootstrap: str, namespace: Namespace) -> list[bytes | None]:
    """Values of the inputs that a worker would read, by partition.

    A broker answers a commit before it has written the markers of its transaction. So the ends are those of all
    records, and reading waits for the markers.
    """
    topic = f"{namespace.prefix}{RAW}"
    found: list[tuple[int, int, bytes | None]] = []
    async with (
        AIOKafkaConsumer(bootstrap_servers=bootstrap) as everything,
        AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        ) as consumer,
    ):
        ends = await everything.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(record.partition, record.offset, record.value) for record in records]
    return [value for _, _, value in sorted(found)]


@pytest.fixture
async def cluster(broker: Broker, namespace: Namespace) -> list[str]:
    """Options for a cluster with our topics."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]


async def test_they_are_chosen_by_reason_hotel_and_time(
    cluster: list[str], broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    old = await write(broker.bootstrap_servers, namespace, [letter(namespace, n) for n in range(8)])
    await asyncio.sleep(1)
    between = datetime.now(UTC).isoformat()
    await asyncio.sleep(1)
    new = await write(broker.bootstrap_servers, namespace, [letter(namespace, n) for n in range(8, 16)])
    chosen = ("--reason", "MissingHeader", "--hotel", "porto", "--since", between)
    wanted = sorted(place for place, n in zip(new, range(8, 16), strict=True) if n % 4 == 1)
    assert await command("--json", "-", *chosen, *cluster) == 0
    listed = json.loads(capsys.readouterr().out)
    assert sorted(one["letter"] for one in listed) == sorted(map(str, wanted))
    assert {(one["hotel"], one["code"], one["time"]) for one in listed} == {
        ("porto", "MissingHeader", "2023-11-14T22:13:20Z")
    }

    assert await command("--replay", "--dry-run", *chosen, *cluster) == 0
    assert "2 inputs would be sent again, " in capsys.readouterr().err
    assert await inputs(broker.bootstrap_servers, namespace) == []

    assert await command("--replay", "--limit", "7", "--until", between, *cluster) == 1
    assert f"these are {len(old)} dead letters" in capsys.readouterr().err
    assert await inputs(broker.bootstrap_servers, namespace) == []

    assert await command("--replay", *chosen, *cluster) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" is ")[0] for line in lines[:-1]] == [str(place) for place in wanted]
    assert lines[-1] == "2 inputs were sent again"
    assert await inputs(broker.bootstrap_servers, namespace) == [b"9", b"13"]


async def test_what_cannot_be_sent_is_named_before_anything_is_sent(
    cluster: list[str], broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    good = letter(namespace, 0)
    bad = {
        "neither key nor value": replace(good, original=replace(good.original, key=None, value=None)),
        "only the beginning": replace(good, original=replace(good.original, value=bytes(70_000))).fitted(1),
        "does not exist": replace(good, position=Position("of-somebody-else", 0, 0)),
        "has no partition 99": replace(good, position=replace(good.position, partition=99)),
        "takes 9437184 in a record": replace(good, original=replace(good.original, value=bytes(9_437_184))),
    }
    [place] = await write(broker.bootstrap_servers, namespace, [good])
    places = {says: await written(broker.bootstrap_servers, namespace, one) for says, one in bad.items()}
    named = [str(place), *map(str, places.values())]
    assert await command("--replay", *named, *cluster) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == len(bad)
    for says, where in places.items():
        [line] = [line for line in errors if f" {where} " in line]
        assert says in line
    assert await inputs(broker.bootstrap_servers, namespace) == []

    assert await command("--replay", "--since", "1h", *cluster) == 0
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == len(bad)
    assert "1 inputs were sent again" in told.out
    assert await inputs(broker.bootstrap_servers, namespace) == [b"0"]


async def written(bootstrap: str, namespace: Namespace, one: DeadLetter) -> LetterPosition:
    """Write a dead letter that no worker would write."""
    record, topic = one.to_record(), f"{namespace.prefix}{DEAD_LETTER}"
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2**24) as producer:
        batch = producer.create_batch()  # the first record may have any size, and be empty
        assert batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
        batch.close()
        done = await (await producer.send_batch(batch, topic, partition=0))
    return LetterPosition(done.partition, done.offset)


async def test_a_time_that_no_calendar_has_is_shown_as_it_is(
    cluster: list[str], broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    good = letter(namespace, 0)
    late = replace(good, original=replace(good.original, timestamp_ms=YEAR_58883))
    await write(broker.bootstrap_servers, namespace, [late])
    assert await command(*cluster) == 0
    assert f"{YEAR_58883} ms" in capsys.readouterr().out


async def test_a_transaction_that_fails_leaves_nothing_of_itself(
    cluster: list[str], broker: Broker, namespace: Namespace
) -> None:
    letters = [(LetterPosition(0, n), letter(namespace, n)) for n in range(4)]
    too_large = replace(letters[3][1], original=replace(letters[3][1].original, value=bytes(9_500_000)))
    async with Replayer(broker.bootstrap_servers, f"{namespace.prefix}{REPLAYS}") as replayer:
        await replayer.send(letters[:2])
        with pytest.raises(ReplayError, match=r"\[Error 10\]|MessageSizeTooLarge"):
            await replayer.send([letters[2], (LetterPosition(0, 3), too_large)])
        assert not replayer.undecided
    assert await inputs(broker.bootstrap_servers, namespace) == [b"0", b"1"]


@pytest.mark.parametrize("committed", [True, False])
async def test_what_became_of_a_transaction_is_found_out_afterwards(
    committed: bool, cluster: list[str], broker: Broker, namespace: Namespace
) -> None:
    async with Replayer(broker.bootstrap_servers, f"{namespace.prefix}{REPLAYS}") as replayer:
        if committed:
            replayer.undecided = await replayer.send([(LetterPosition(0, 0), letter(namespace, 0))])
        else:
            producer = replayer._producer  # noqa: SLF001  whose transaction stays open, as if its end was never heard
            await producer.begin_transaction()
            done = await producer.send_and_wait(f"{namespace.prefix}{RAW}", b"0", partition=0)
            replayer.undecided = [
                ReplayedInput(LetterPosition(0, 0), Position(done.topic, done.partition, done.offset))
            ]
        assert await replayer.decide() is committed
    assert await inputs(broker.bootstrap_servers, namespace) == [b"0"] * committed


async def test_an_input_is_sent_again_once_whoever_replays(
    cluster: list[str], broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = await write(broker.bootstrap_servers, namespace, [letter(namespace, 0), letter(namespace, 1)])
    assert await command("--replay", str(first), *cluster) == 0
    assert await command("--replay", "--json", "-", str(first), str(second), *cluster) == 0
    out = capsys.readouterr().out
    assert f"{first} has been sent again before" in out
    assert '"sent": "before"' in out
    again = [(first, letter(namespace, 0)), (second, letter(namespace, 1))]
    async with Replayer(broker.bootstrap_servers, f"{namespace.prefix}{REPLAYS}") as replayer:
        assert replayer.unsent(again) == []
        other = (second, letter(namespace, 5))
        assert replayer.unsent([other, *again, other]) == [other]
        with pytest.raises(ValueError, match="once"):
            await replayer.send(again)
    assert await inputs(broker.bootstrap_servers, namespace) == [b"0", b"1"]


@pytest.mark.parametrize("when", ["before", "within"])
async def test_whoever_begins_to_replay_takes_the_place_of_the_one_before(
    when: str, cluster: list[str], broker: Broker, namespace: Namespace
) -> None:
    letters = [(LetterPosition(0, n), letter(namespace, n)) for n in range(8)]
    marks = f"{namespace.prefix}{REPLAYS}"
    async with Replayer(broker.bootstrap_servers, marks) as old:
        await old.send(letters[:2])
        if when == "within":  # with a transaction that is open
            await old._producer.begin_transaction()  # noqa: SLF001  as if it was killed in the middle
            await (await old._put(letters[2][1]))  # noqa: SLF001  as above
        async with Replayer(broker.bootstrap_servers, marks) as new:
            assert new.unsent(letters) == letters[2:]
            if when == "before":
                with pytest.raises(ReplayReplacedError, match="somebody else"):
                    await old.send(letters[2:4])
                assert not old.undecided
            await new.send(letters[2:])
    assert {*await inputs(broker.bootstrap_servers, namespace)} == {b"%d" % n for n in range(8)}


@pytest.mark.parametrize("how", ["broker", "interrupt"])
async def test_a_replay_that_ends_half_way_tells_of_each_what_became_of_it(
    how: str, mortal: LocalCluster, namespace: Namespace
) -> None:
    letters = [letter(namespace, number) for number in range(4000)]
    topic = f"{namespace.prefix}{DEAD_LETTER}"
    async with AIOKafkaProducer(bootstrap_servers=mortal.bootstrap_servers) as producer:
        for one in letters:
            record = one.to_record()
            headers = list(record.headers)
            await producer.send(topic, record.value, key=b"k", partition=one.position.partition, headers=headers)
    command = [sys.executable, "-m", "scripts.commands.dead_letters", "--replay", "--since", "1h", "--limit", "9999"]
    where = ["--bootstrap-servers", mortal.bootstrap_servers, "--topic-prefix", namespace.prefix]
    with subprocess.Popen(  # noqa: ASYNC220  nothing else goes on
        [*command, *where], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [await asyncio.to_thread(process.stdout.readline)]
        await asyncio.sleep(2)  # until the pipe is full and the command blocks
        if how == "broker":
            mortal.kill(1)
        else:
            process.send_signal(signal.SIGINT)
        lines += await asyncio.to_thread(process.stdout.readlines)
        error = process.stderr.read()
        assert process.wait(10) == (1 if how == "broker" else 130)
    sent, unsent = [line for line in lines if " is " in line], [line for line in lines if "was not sent" in line]
    unknown = [line for line in lines if "may have been sent" in line]
    assert sent
    assert unsent
    assert len({line.split()[0] for line in lines}) == len(sent) + len(unsent) + len(unknown) == 4000
    assert error.count("\n") == (1 if how == "broker" else 0)
    if how == "broker":
        assert f"{len(sent)} of 4000 inputs were sent again" in error
        await asyncio.to_thread(mortal.restart, 1)
    assert len(await inputs(mortal.bootstrap_servers, namespace)) in {len(sent), len(sent) + len(unknown)}


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(dead_letters.main, list(arguments))
