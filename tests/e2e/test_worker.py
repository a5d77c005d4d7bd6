"""One worker as its operator sees it: settings, health, metrics, logs, start, stop and failure."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.ledger import Ledger, exact
from tests.support.workers import Worker, running
from tests.support.workload import BAD, Planned, calls, event, planned, spoken


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> None:
    await apply_topics(broker.bootstrap_servers, namespace.prefix, namespace.group)


@pytest.fixture
def worker(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Worker:
    return Worker(broker.bootstrap_servers, namespace, tmp_path)


@pytest.fixture
def ledger(broker: Broker, namespace: Namespace) -> Ledger:
    return Ledger(broker.bootstrap_servers, namespace.prefix)


def bad(sequence: int) -> Planned:
    return Planned(BAD["rate missing"](event(spoken(0.1), 0, sequence).to_record()), "call-0", sequence, None, "rate")


def metric(worker: Worker, name: str) -> float:
    """Sum of a metric over its labels."""
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)


async def test_health_metrics_and_logs_follow_the_work(worker: Worker, ledger: Ledger) -> None:
    assert worker.get("/health/ready")[0] == 0
    with running(worker):
        assert worker.get("/health/live")[0] == 200
        await ledger.send(list(calls(300, seed=3)))
        await exact(ledger)
        good, dead = len(ledger.results), len(ledger.dead_letters)
        assert metric(worker, "audio_records_in_total") == 300
        assert metric(worker, "audio_results_total") == good
        assert metric(worker, "audio_dead_letters_total") == dead
        assert metric(worker, "audio_bytes_out_total") == sum(len(record.value) for record in ledger.results)
        assert metric(worker, "audio_bytes_in_total") > metric(worker, "audio_bytes_out_total")
        assert metric(worker, "audio_encode_seconds_count") == good
        assert metric(worker, "audio_in_flight_clips") == 0
        assert await asyncio.to_thread(worker.stop) == 0
    lines = worker.lines()
    compressed = [line for line in lines if line["event"] == "compressed"]
    assert len(compressed) == good
    assert {"call", "compression_level", "ratio", "partition", "offset", "codec"} <= compressed[0].keys()
    assert len([line for line in lines if line["event"] == "dead_letter"]) == dead
    assert [line["event"] for line in lines][-1] == "worker_stopped"


async def test_a_worker_can_be_stopped_while_it_starts(worker: Worker) -> None:
    worker.start()
    while worker.get("/health/live")[0] != 200:
        await asyncio.sleep(0.02)
    assert worker.get("/health/ready")[0] == 503
    assert await asyncio.to_thread(worker.stop) == 0


async def test_a_stopped_worker_leaves_nothing_open_and_nothing_to_do_again(worker: Worker, ledger: Ledger) -> None:
    plan = list(calls(900, seed=4))
    with running(worker):
        sending = asyncio.create_task(ledger.send(plan, per_second=300))
        await asyncio.sleep(1.5)
        assert await asyncio.to_thread(worker.stop) == 0
        done = worker.log.read_text().count('"offset"')
        await sending
        worker.start()
        await exact(ledger)
        assert 0 < done < len(plan)
        assert worker.log.read_text().count('"offset"') == len(plan)


async def test_when_everything_is_refused_the_worker_stops(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, ledger: Ledger
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace, tmp_path, AUDIO_DEAD_LETTER_LIMIT="30")
    with running(worker):
        await ledger.send([planned(spoken(0.1), 0), *(bad(n) for n in range(1, 60))])
        assert await asyncio.to_thread(worker.process.wait, 30) == 3
        await ledger.collect(within=3)
    assert len(ledger.results) == 1
    assert len(ledger.dead_letters) == 30
    assert "30 dead letters in a row" in worker.tail()


async def test_a_clip_that_takes_too_long_does_not_stop_its_lane(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, ledger: Ledger
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace, tmp_path, AUDIO_PROCESSING_TIMEOUT="300ms")
    endless = spoken(500)  # seconds of audio: several seconds of encoding
    with running(worker):
        await ledger.send([planned(spoken(0.5), 0), planned(endless, 1), planned(spoken(0.5), 2)])
        await ledger.collect(within=30)
        assert worker.process.poll() is None
    assert [headers(record)["ce_sequence"] for record in ledger.results] == ["0", "2"]
    (letter,) = ledger.dead_letters
    assert headers(letter)["__connect.errors.exception.class.name"] == "ProcessingTimeout"
    assert letter.value == endless.audio


async def test_aborted_transactions_of_the_sender_are_no_calls_and_no_lag(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, ledger: Ledger
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace, tmp_path, AUDIO_STALL_TIMEOUT="4s")
    topic = f"{namespace.prefix}audio.raw"
    record = event(spoken(0.2), 0, 0).to_record()
    with running(worker):
        async with AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{namespace.group}-upstream"
        ) as producer:
            for commit in (True, False, True):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
                await (producer.commit_transaction() if commit else producer.abort_transaction())
        await ledger.collect(within=5)
        assert len(ledger.results) == 2
        await asyncio.sleep(6)  # longer than the watchdog tolerates a lag without progress
        assert metric(worker, "audio_lag_records") == 0
        assert await asyncio.to_thread(worker.stop) == 0


async def test_a_frozen_worker_that_wakes_up_changes_nothing(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, ledger: Ledger
) -> None:
    zombie, successor = (Worker(broker.bootstrap_servers, namespace, tmp_path / name) for name in ("a", "b"))
    with running(zombie):
        sending = asyncio.create_task(ledger.send(list(calls(1500, seed=5)), per_second=100))
        await asyncio.sleep(3)
        zombie.process.send_signal(19)  # SIGSTOP, beyond the session timeout
        with running(successor):
            await sending
            zombie.process.send_signal(18)
            await exact(ledger, within=90)


@pytest.mark.parametrize("level", ["1", "2"])
async def test_lossless_levels_give_back_the_very_samples(level: str, worker: Worker, ledger: Ledger) -> None:
    worker.environment["AUDIO_COMPRESSION_LEVEL"] = level
    with running(worker):
        await ledger.send(list(calls(300, seed=6, bad_share=0)))
        await exact(ledger)
    assert {headers(record)["ce_level"] for record in ledger.results} == {level}
    assert {headers(record)["ce_quality"] for record in ledger.results} == {"5.00"}


async def test_the_largest_input_is_served_and_a_larger_one_refused_intact(worker: Worker, ledger: Ledger) -> None:
    largest = spoken(8 * 2**20 / 16_000)
    assert len(largest.audio) == 8 * 2**20
    too_large = Planned(event(spoken(530), 0, 1).to_record(), "call-0", 1, None, "too large")
    with running(worker):
        await ledger.send([planned(largest, 0), too_large, planned(spoken(0.5), 2)])
        await exact(ledger)
    assert [headers(record)["ce_sequence"] for record in ledger.results] == ["0", "2"]
    assert "8388608" in headers(ledger.dead_letters[0])["__connect.errors.exception.message"]


async def test_memory_stays_bounded_with_fifty_large_clips_in_flight(worker: Worker, ledger: Ledger) -> None:
    clips = [spoken(31.25, seed) for seed in range(4)]  # 500 KB each
    assert len(clips[0].audio) == 500_000
    with running(worker):
        sending = asyncio.create_task(ledger.send([planned(clips[n % 4], n // 16, call=n % 16) for n in range(200)]))
        peak, most = 0, 0.0
        while metric(worker, "audio_records_in_total") < 200:
            peak = max(peak, worker.resident_bytes())
            most = max(most, metric(worker, "audio_in_flight_clips"))
            await asyncio.sleep(0.05)
        await sending
        await exact(ledger)
    assert most >= 45
    assert peak < 512 * 2**20, f"{peak / 2**20:.0f} MiB"


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"AUDIO_COMPRESSION_LEVEL": "9"}, 2, "AUDIO_COMPRESSION_LEVEL=9: must be auto or a level from 1 to 5"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, 1, "no Kafka broker answers"),
        ({"AUDIO_TOPIC_PREFIX": "nothing-here."}, 1, "./scripts/topics apply"),
    ],
)
async def test_a_worker_that_cannot_start_says_why_in_one_line(
    settings: dict[str, str], code: int, says: str, worker: Worker
) -> None:
    worker.environment.update(settings)
    started = time.monotonic()
    worker.start()
    assert await asyncio.to_thread(worker.process.wait, 30) == code
    assert time.monotonic() - started < 20
    assert says in worker.tail()
    assert "Traceback" not in worker.tail()


async def test_two_workers_do_not_share_a_state_directory(worker: Worker, broker: Broker, namespace: Namespace) -> None:
    with running(worker):
        second = Worker(
            broker.bootstrap_servers, namespace, worker.state.parent / "second", AUDIO_STATE_DIR=str(worker.state)
        )
        second.start()
        assert await asyncio.to_thread(second.process.wait, 30) == 1
        assert "another worker uses it" in second.tail()
        assert worker.get("/health/ready")[0] == 200


def headers(record: object) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}  # type: ignore[attr-defined]
