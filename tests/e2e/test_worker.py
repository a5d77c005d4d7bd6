"""One worker as its operator sees it: settings, health, metrics, logs, start, stop and failure."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.runtime.exit_log import ExitLog
from tests.chaos.damage import BAD
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import ObservedRecord, PlannedInput
from tests.chaos.sounds import Sample, sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls, segment
from tests.support.brokers import Broker, Namespace


def spoken(seconds: float, seed: int = 0) -> Sample:
    return sample(seconds, "audio/L16", seed=seed)


def planned(said: Sample, sequence: int, *, channel: str = "guest", call: int = 0) -> PlannedInput:
    return segment(said, f"call-{call}", sequence, channel=channel)


def bad(sequence: int) -> PlannedInput:
    good = planned(spoken(0.1), sequence)
    return replace(good, message=BAD["rate missing"](good.message), sample=None, bad="rate missing")


def metric(worker: Worker, name: str) -> float:
    """Sum of a metric over its labels."""
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)


async def exact(oracle: DeliveryOracle, within: float = 60, *, last: bool = True) -> None:
    await oracle.collect(within, last=last)
    assert oracle.problems() == []


async def test_health_metrics_and_logs_follow_the_work(worker: Worker, oracle: DeliveryOracle) -> None:
    assert worker.get("/health/ready")[0] == 0
    with running(worker):
        assert worker.get("/health/live")[0] == 200
        assert worker.get("/admin/audio/status")[0] == 404  # no token is configured
        await oracle.send(calls(300, seed=3))
        await exact(oracle)
        good, dead = len(oracle.results), len(oracle.dead_letters)
        assert metric(worker, "audio_records_in_total") == 300
        assert metric(worker, "audio_results_total") == good
        assert metric(worker, "audio_dead_letters_total") == dead
        assert metric(worker, "audio_bytes_out_total") == sum(len(record.value or b"") for record in oracle.results)
        assert metric(worker, "audio_bytes_in_total") > metric(worker, "audio_bytes_out_total")
        assert metric(worker, "audio_encode_seconds_count") == good
        assert metric(worker, "audio_in_flight_clips") == 0
        assert metric(worker, "audio_processing_seconds_count") == metric(worker, "audio_delivery_seconds_count") == 300
        assert 0 < metric(worker, "audio_commits_total") <= 300
        assert metric(worker, "audio_hotel_records_total") == 300
        assert metric(worker, "audio_hotel_dead_letters_total") == dead
        assert 0 < metric(worker, "audio_memory_bytes") < metric(worker, "audio_memory_limit_bytes")
        assert 0 < metric(worker, "audio_state_disk_free_bytes") < metric(worker, "audio_state_disk_bytes")
        assert metric(worker, "audio_build_info") == 1
        assert await asyncio.to_thread(worker.stop) == 0
    exits = ExitLog(worker.state)
    exits.begin()
    assert [end.reason for end in exits.latest] == ["stopped"]
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


async def test_a_stopped_worker_leaves_nothing_open_or_uncommitted(worker: Worker, oracle: DeliveryOracle) -> None:
    plan = calls(900, seed=4)
    with running(worker):
        sending = asyncio.create_task(oracle.send(plan, per_second=300))
        await asyncio.sleep(1.5)
        assert await asyncio.to_thread(worker.stop) == 0
        done = worker.log.read_text().count('"offset"')
        await sending
        worker.start()
        await exact(oracle)
        assert 0 < done < len(plan)
        assert worker.log.read_text().count('"offset"') == len(plan)


async def test_when_everything_is_refused_the_worker_stops(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_DEAD_LETTER_LIMIT="30")
    with running(worker):
        await oracle.send([planned(spoken(0.1), 0), *(bad(n) for n in range(1, 60))])
        assert await asyncio.to_thread(worker.process.wait, 30) == 3
        await oracle.collect(within=3)
    assert len(oracle.results) == 1
    assert len(oracle.dead_letters) == 30
    assert "30 dead letters in a row" in worker.tail()


async def test_a_clip_that_takes_too_long_does_not_stop_its_lane(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(
        broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_PROCESSING_TIMEOUT="1s"
    )
    endless = spoken(500)  # seconds of audio; encoding takes several seconds
    with running(worker):
        await oracle.send([planned(spoken(0.5), 0), planned(endless, 1), planned(spoken(0.5), 2)])
        await oracle.collect(within=30)
        assert worker.process.poll() is None
    assert [headers(record)["ce_sequence"] for record in oracle.results] == ["0", "2"]
    (letter,) = oracle.dead_letters
    assert headers(letter)["__connect.errors.exception.class.name"] == "ProcessingTimeout"
    assert letter.value == endless.audio


async def test_aborted_transactions_of_the_sender_are_no_calls_and_no_lag(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_STALL_TIMEOUT="4s")
    topic = f"{namespace.prefix}audio.raw"
    message = planned(spoken(0.2), 0).message
    with running(worker):
        async with AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{namespace.group}-upstream"
        ) as producer:
            for commit in (True, False, True):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, message.value, key=message.key, headers=list(message.headers))
                await (producer.commit_transaction() if commit else producer.abort_transaction())
        await oracle.collect(within=5)
        assert len(oracle.results) == 2
        await asyncio.sleep(6)  # longer than the watchdog tolerates lag without progress
        assert metric(worker, "audio_lag_records") == 0
        assert await asyncio.to_thread(worker.stop) == 0


async def test_a_frozen_worker_that_wakes_up_changes_nothing(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    zombie, successor = (
        Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / name) for name in ("a", "b")
    )
    with running(zombie):
        sending = asyncio.create_task(oracle.send(calls(1500, seed=5), per_second=100))
        await asyncio.sleep(3)
        zombie.process.send_signal(19)  # SIGSTOP, for longer than the session timeout
        with running(successor):
            await sending
            zombie.process.send_signal(18)
            await exact(oracle, within=90)


@pytest.mark.parametrize("level", ["1", "2"])
async def test_lossless_levels_give_back_the_very_samples(level: str, worker: Worker, oracle: DeliveryOracle) -> None:
    worker.environment["AUDIO_COMPRESSION_LEVEL"] = level
    with running(worker):
        await oracle.send(calls(300, seed=6, bad_share=0))
        await exact(oracle)
    assert {headers(record)["ce_level"] for record in oracle.results} == {level}
    assert {headers(record)["ce_quality"] for record in oracle.results} == {"5.00"}


async def test_the_largest_input_is_served_and_a_larger_one_is_refused(worker: Worker, oracle: DeliveryOracle) -> None:
    largest = spoken(8 * 2**20 / 16_000)
    assert len(largest.audio) == 8 * 2**20
    too_large = replace(planned(spoken(530), 1), sample=None, bad="too large")
    with running(worker):
        await oracle.send([planned(largest, 0), too_large, planned(spoken(0.5), 2)])
        await exact(oracle)
    assert [headers(record)["ce_sequence"] for record in oracle.results] == ["0", "2"]
    assert "8388608" in headers(oracle.dead_letters[0])["__connect.errors.exception.message"]


async def test_memory_stays_bounded_with_fifty_large_clips_in_flight(worker: Worker, oracle: DeliveryOracle) -> None:
    clips = [spoken(31.25, seed) for seed in range(4)]  # 500 KB each
    assert len(clips[0].audio) == 500_000
    with running(worker):
        sending = asyncio.create_task(oracle.send([planned(clips[n % 4], n // 16, call=n % 16) for n in range(200)]))
        peak, most = 0, 0.0
        while metric(worker, "audio_records_in_total") < 200:
            peak = max(peak, worker.resident_bytes())
            most = max(most, metric(worker, "audio_in_flight_clips"))
            await asyncio.sleep(0.05)
        await sending
        await exact(oracle)
    assert most >= 45
    assert peak < 512 * 2**20, f"{peak / 2**20:.0f} MiB"


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"AUDIO_COMPRESSION_LEVEL": "9"}, 2, "AUDIO_COMPRESSION_LEVEL=9: must be auto or a level from 1 to 5"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, 1, "127.0.0.1:1: nothing listens there"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, 1, "speaks Kafka in plain text, and this connection is SSL"),
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
            broker.bootstrap_servers,
            namespace.prefix,
            namespace.group,
            worker.state.parent / "second",
            AUDIO_STATE_DIR=str(worker.state),
        )
        second.start()
        assert await asyncio.to_thread(second.process.wait, 30) == 1
        assert "another worker uses it" in second.tail()
        assert worker.get("/health/ready")[0] == 200


def headers(record: ObservedRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers if value is not None}
