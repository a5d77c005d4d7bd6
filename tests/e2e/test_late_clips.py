"""Clips that exceed their processing time in every run of a worker, more of them than it has threads."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.pool import WorkerPool
from tests.chaos.records import PlannedInput
from tests.chaos.sounds import Sample, sample
from tests.chaos.workers import Worker
from tests.chaos.workload import segment
from tests.support.brokers import Broker, Namespace

#: Length of these clips; a thread needs seconds to encode one.
_LATE_SECONDS = 1000.0
_TIME = "1s"


def late(said: Sample, call: str, sequence: int) -> PlannedInput:
    return replace(segment(said, call, sequence), sample=None, bad="late")


async def test_a_worker_that_is_started_again_gets_past_them(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    settings = {"AUDIO_PROCESSING_TIMEOUT": _TIME}
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, **settings)
    threads, calls = len(os.sched_getaffinity(0)), [f"call-{number}" for number in range(4)]
    clips = 3 * threads
    said = sample(_LATE_SECONDS, "audio/PCMU", seed=5)
    await oracle.send([late(said, calls[number % 4], number) for number in range(clips)])
    await oracle.send([segment(sample(0.5, "audio/L16"), call, 1000) for call in calls])
    pool = WorkerPool({1: worker})
    pool.start(1)
    supervising = asyncio.create_task(pool.supervise())
    try:
        await oracle.collect(within=150)
    finally:
        supervising.cancel()
        pool.kill_all()
    codes = [one.header("__connect.errors.exception.class.name") for one in oracle.dead_letters]
    assert codes == ["ProcessingTimeout"] * clips
    assert len(oracle.results) == len(calls)
    assert oracle.problems() == []
    ends = [line for line in worker.lines() if line["event"] == "worker_failed"]
    assert 1 <= len(ends) <= 3
    assert all("records over their time" in line["reason"] for line in ends)
