"""Workers on a machine with faults, and under the actions of an operator."""

import asyncio
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.kafka.cluster import LocalCluster
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.e2e.test_worker import exact, metric
from tests.support.brokers import Broker, Namespace

#: scripts/run starts a worker this way: signals stay pending until the worker has its handlers.
BLOCKED = ("env", "--block-signal=TERM", "--block-signal=HUP", "--block-signal=INT")


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a full pipe that nobody reads."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    for size in (2**16, 1):
        try:
            while True:
                os.write(write_end, b"\n" * size)
        except BlockingIOError:
            pass
    os.set_blocking(write_end, True)
    try:
        yield read_end, write_end
    finally:
        os.close(read_end)
        os.close(write_end)


async def test_a_state_directory_that_is_gone_costs_no_other_metric(worker: Worker) -> None:
    with running(worker):
        shutil.rmtree(worker.state)
        for _ in range(2):
            status, shown = worker.get("/metrics")
            assert status == 200
            assert "\naudio_memory_bytes " in shown
            assert "\naudio_state_disk_free_bytes " not in shown
        assert worker.is_ready()
        failed = [line["metric"] for line in worker.lines() if line["event"] == "gauge_failed"]
        assert failed == ["audio_state_disk_free_bytes", "audio_state_disk_bytes"]


async def test_a_worker_whose_log_nobody_reads_works_on_and_stops(worker: Worker, oracle: DeliveryOracle) -> None:
    with full_pipe() as (read_end, write_end):
        worker.start(stderr=write_end)
        try:
            worker.wait_ready()
            for seed in range(3):
                await oracle.send(calls(600, seed=30 + seed))
                await exact(oracle, last=False)
            assert metric(worker, "audio_records_in_total") == 1800
            assert worker.is_ready()
            began = time.monotonic()
            assert await asyncio.to_thread(worker.stop) == 0
            assert time.monotonic() - began < 30
            os.set_blocking(read_end, False)
            assert not os.read(read_end, 2**20).strip(b"\n")
        finally:
            if worker.alive:
                worker.kill()


async def test_a_worker_that_stalls_ends_though_nobody_reads_its_log(
    mortal: LocalCluster, namespace: Namespace, tmp_path: Path
) -> None:
    worker = Worker(
        mortal.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "w", AUDIO_STALL_TIMEOUT="6s"
    )
    with full_pipe() as (_, write_end):
        worker.start(stderr=write_end)
        try:
            worker.wait_ready()
            mortal.kill(1)
            assert await asyncio.to_thread(worker.process.wait, 60) == 1
        finally:
            if worker.alive:
                worker.kill()


async def test_brokers_that_are_away_and_come_back_leave_few_lines(
    mortal: LocalCluster, namespace: Namespace, tmp_path: Path
) -> None:
    worker = Worker(mortal.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "w")
    with running(worker):
        before = len(worker.lines())
        mortal.kill(1)
        await asyncio.sleep(12)
        await asyncio.to_thread(mortal.restart, 1)
        await asyncio.to_thread(worker.wait_ready)
        assert await asyncio.to_thread(worker.stop) == 0
    lines = worker.lines()[before:]
    assert "brokers_silent" in [line["event"] for line in lines]
    assert len(lines) < 100
    assert sum(line.get("repeated", 0) for line in lines) > 0


@pytest.mark.parametrize("after", [0.05, 0.2, 0.5, 1, 2, 4])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_worker_may_be_asked_to_stop_from_its_first_moment_on(
    worker: Worker, number: signal.Signals, after: float
) -> None:
    worker.start(*BLOCKED)
    try:
        await asyncio.sleep(after)
        worker.signal(number)
        assert await asyncio.to_thread(worker.process.wait, 60) == 0, worker.tail()
    finally:
        if worker.alive:
            worker.kill()
    assert "Traceback" not in worker.tail()
    assert [line["event"] for line in worker.lines() if line["level"] not in {"debug", "info"}] == []


async def test_a_worker_that_finds_no_brokers_can_be_stopped(worker: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and never answers
        worker.environment["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{silent.getsockname()[1]}"
        worker.start(*BLOCKED)
        while not (worker.state / "exits.json").exists():
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert await asyncio.to_thread(worker.stop) == 0
    assert [line["event"] for line in worker.lines()][-1] == "worker_stopped"


async def test_a_worker_under_nohup_outlives_its_terminal(worker: Worker) -> None:
    worker.start(*BLOCKED, "nohup")
    try:
        worker.wait_ready()
        worker.signal(signal.SIGHUP)
        await asyncio.sleep(1)
        assert worker.is_ready()
        assert await asyncio.to_thread(worker.stop) == 0
    finally:
        if worker.alive:
            worker.kill()


async def test_a_stop_in_good_order_says_nothing_of_a_crash(worker: Worker, oracle: DeliveryOracle) -> None:
    worker.environment |= {"AUDIO_LOG_LEVEL": "info", "AUDIO_CACHE_SIZ": "1MB"}
    with running(worker):
        await oracle.send(calls(50, seed=33, bad_share=0))
        await exact(oracle)
        assert await asyncio.to_thread(worker.stop) == 0
    assert "rash" not in worker.log.read_text()
    [unknown] = [line["reason"] for line in worker.lines() if line["event"] == "unknown_setting"]
    assert unknown == "AUDIO_CACHE_SIZ is no setting; did you mean AUDIO_CACHE_SIZE?"
    own = {line["message"] for line in map(json.loads, worker.log.read_text().splitlines()) if "event" in line}
    assert own >= {"worker_started", "lanes_opened", "worker_ready", "worker_stopped"}
    foreign = [line["event"] for line in worker.lines() if line["level"] == "info" and line["event"] not in own]
    assert foreign == []
    assert [line["event"] for line in worker.lines() if line["level"] in {"error", "critical"}] == []


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("AUDIO_HTTP_PORT", "http", "not a whole number"),
        ("AUDIO_ADMIN_TOKEN_FILE", "/missing/token", "No such file or directory"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS", "must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    ],
)
async def test_a_wrong_setting_is_one_line_like_any_other(worker: Worker, variable: str, value: str, rule: str) -> None:
    worker.environment[variable] = value
    worker.start()
    assert await asyncio.to_thread(worker.process.wait, 30) == 2
    [line] = worker.lines()
    assert (line["event"], line["reason"]) == ("worker_not_started", f"{variable}={value}: {rule}")


async def test_offsets_can_be_set_once_the_session_of_a_stopped_worker_is_over(
    worker: Worker, broker: Broker, namespace: Namespace, oracle: DeliveryOracle
) -> None:
    source = TopicPartition(f"{namespace.prefix}audio.raw", 0)

    async def reset() -> None:
        async with AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers, group_id=namespace.group, enable_auto_commit=False
        ) as consumer:
            consumer.assign([source])
            await consumer.commit({source: 0})

    with running(worker):
        await oracle.send(calls(50, seed=34, bad_share=0))
        await exact(oracle)
        assert await asyncio.to_thread(worker.stop) == 0
    with pytest.raises(KafkaError):
        await reset()
    await asyncio.sleep(10)
    await reset()
    with running(worker):
        pass
    [*_, begun] = [line["positions"] for line in worker.lines() if line["event"] == "lanes_opened"]
    assert any(one.endswith("audio.raw-0:0") for one in begun)
