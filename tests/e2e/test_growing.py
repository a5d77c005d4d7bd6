"""Partitions are added while workers run: existing ones are processed on, and new ones are assigned."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from schemas.topics import RAW, copartitioned
from scripts.commands import topics as command
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.e2e.test_health import SETTINGS, readiness, series, until
from tests.e2e.test_worker import exact, metric
from tests.support.brokers import Broker, Namespace

BEFORE, AFTER = 8, 12


@pytest.fixture
def workers(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Iterator[list[Worker]]:
    """Two workers, not yet started; they are killed when the test ends."""
    found = [
        Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / str(number), **SETTINGS)
        for number in range(2)
    ]
    yield found
    for worker in found:
        if worker.starts and worker.alive:
            worker.kill()


async def add_partitions(broker: Broker, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(partitions)})
    finally:
        await admin.close()


def grow(broker: Broker, namespace: Namespace, partitions: int, *more: str) -> int:
    setup = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    return command.main(["grow", "--partitions", str(partitions), *setup, "--group", namespace.group, *more])


def all_owned(*workers: Worker) -> bool:
    owned = [number for one in workers for number, mine in series(one, "audio_partition_assigned").items() if mine]
    return sorted(map(int, owned)) == list(range(AFTER))


async def test_nothing_is_lost_or_doubled_while_all_topics_grow_under_load(
    workers: list[Worker], oracle: DeliveryOracle, broker: Broker, namespace: Namespace
) -> None:
    with running(*workers):
        sending = asyncio.create_task(oracle.send(calls(400, seed=41, bad_share=0), per_second=20))
        await asyncio.sleep(4)
        assert await asyncio.to_thread(grow, broker, namespace, AFTER, "--yes") == 0
        await until(lambda: all_owned(*workers), 60)
        await sending
        oracle.grown(AFTER)
        await oracle.send(calls(200, seed=41, name=1, bad_share=0))
        await exact(oracle, 90)
        assert {one.partition for one in oracle.results} > set(range(BEFORE))
        for worker in workers:
            assert worker.starts == 1
            assert await asyncio.to_thread(worker.stop) == 0


async def test_partitions_are_taken_up_by_workers_that_were_restarted_one_by_one(
    workers: list[Worker], broker: Broker, namespace: Namespace
) -> None:
    with running(*workers):
        for worker in workers:  # static members keep their partitions, and none learns that it is the leader
            assert await asyncio.to_thread(worker.stop) == 0
            worker.start()
            await asyncio.to_thread(worker.wait_ready)
        assert await asyncio.to_thread(grow, broker, namespace, AFTER, "--yes") == 0
        await until(lambda: all_owned(*workers), 60)


async def test_an_input_that_grew_alone_is_served_as_before_and_the_rest_waits_for_its_topics(
    workers: list[Worker], oracle: DeliveryOracle, broker: Broker, namespace: Namespace
) -> None:
    worker, restarted = workers
    with running(worker):
        await add_partitions(broker, f"{namespace.prefix}{RAW}", AFTER)
        await until(lambda: metric(worker, "audio_partitions_unservable") == AFTER - BEFORE, 10)
        await oracle.send(calls(100, seed=42, bad_share=0))
        await exact(oracle, last=False)
        oracle.grown(AFTER)
        await oracle.send(calls(200, seed=42, name=1, bad_share=0))
        await until(lambda: sum(series(worker, "audio_lag_records").values()) > 0, 10)
        assert readiness(worker)["ready"]
        (told,) = [line for line in worker.lines() if line["event"] == "partitions_cannot_be_served"]
        assert told["remedy"] == f"./scripts/topics grow --partitions {AFTER}"
        await asyncio.to_thread(worker.stop)
        restarted.start()  # a worker that starts now also serves the partitions that can be served
        await asyncio.to_thread(restarted.wait_ready)
        assert await asyncio.to_thread(grow, broker, namespace, AFTER, "--yes") == 0
        worker.start()
        await until(lambda: all_owned(worker, restarted), 60)
        await exact(oracle, 90)


async def test_growing_says_what_it_means_is_safe_to_repeat_and_never_shrinks(
    topics: None, broker: Broker, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(grow, broker, namespace, AFTER) == 1
    told = capsys.readouterr().out
    assert "nothing was changed" in told
    assert "order" in told
    assert await asyncio.to_thread(grow, broker, namespace, AFTER, "--yes") == 0
    grown = {line.split()[1].rstrip(":") for line in capsys.readouterr().out.splitlines() if line.startswith("grown")}
    assert grown == set(copartitioned(namespace.prefix, namespace.group))
    assert await asyncio.to_thread(grow, broker, namespace, AFTER, "--yes") == 0
    assert "already" in capsys.readouterr().out
    assert await asyncio.to_thread(grow, broker, namespace, BEFORE, "--yes") == 1
    assert "cannot remove" in capsys.readouterr().err
