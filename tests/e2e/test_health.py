"""Readiness, lag and status of real workers during rebalances, without owners, and without brokers."""

import asyncio
import json
import re
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.cluster import LocalCluster
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.e2e.test_worker import exact
from tests.support.brokers import Broker, Namespace

TOKEN = "a-token-for-operators"  # noqa: S105  only for the workers of these tests
#: The lag is measured every second.
SETTINGS = {"AUDIO_ADMIN_TOKEN": TOKEN, "AUDIO_HEALTH_CHECK_INTERVAL": "1s"}
PARTITIONS = 8


def series(worker: Worker, name: str) -> dict[str, float]:
    """The values of a metric, by partition of audio.raw or by the value of its other label."""
    sample = rf'^{name}\{{(?:partition|condition|reason)="([^"]*)"(?!.*audio[.]recordings").*\}} (\S+)$'
    return {label: float(value) for label, value in re.findall(sample, worker.get("/metrics")[1], re.MULTILINE)}


def readiness(worker: Worker) -> dict[str, bool]:
    """The worker's answer about its readiness: each condition, and ``ready``."""
    status, body = worker.get("/health/ready")
    conditions: dict[str, bool] = json.loads(body)
    assert (status == 200) == conditions["ready"]
    return conditions


async def until(holds: Callable[[], bool], within: float) -> None:
    """Wait for a condition; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def status(worker: Worker, token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{worker.port}/admin/audio/status", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310  the worker's own port
        answer: dict[str, Any] = json.load(response)
    return answer


@pytest.fixture
def leaver(broker: Broker, namespace: Namespace, topics: None, tmp_path: Path) -> Iterator[Worker]:
    """A second worker, not yet started; it is killed when the test ends."""
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "leaver", **SETTINGS)
    yield worker
    if worker.starts and worker.alive:
        worker.kill()


async def test_lag_and_ownership_stay_true_while_nobody_owns_a_partition(
    worker: Worker, leaver: Worker, oracle: DeliveryOracle
) -> None:
    worker.environment.update(SETTINGS)
    with running(worker):
        assert set(series(worker, "audio_partition_assigned").values()) == {1}
        leaver.start()
        await until(lambda: not readiness(worker)["recovered"], 30)  # the second worker's join rebalances the group
        await asyncio.to_thread(leaver.wait_ready)
        await asyncio.to_thread(worker.wait_ready)
        for one in (worker, leaver):
            assert sum(series(one, "audio_partition_assigned").values()) == PARTITIONS / 2

        nobodys = {p for p, owned in series(leaver, "audio_partition_assigned").items() if owned}
        leaver.kill()
        await oracle.send(calls(40, seed=21, bad_share=0))
        most: Counter[str] = Counter()
        oldest = 0.0
        collecting = asyncio.create_task(exact(oracle))
        while not collecting.done():
            most |= Counter({p: int(n) for p, n in series(worker, "audio_lag_records").items() if p in nobodys})
            oldest = max(oldest, *series(worker, "audio_lag_seconds").values())
            await asyncio.sleep(0.2)
        await collecting
        assert oldest > 3  # the dead worker's session lasts up to eight seconds
        assert most == Counter(str(one.partition) for one in oracle.results if str(one.partition) in nobodys)
        await until(lambda: set(series(worker, "audio_lag_records").values()) == {0}, 10)
        assert set(series(worker, "audio_lag_seconds").values()) == {0}
        assert set(series(worker, "audio_partition_assigned").values()) == {1}


async def test_readiness_follows_the_brokers_and_the_status_tells_of_it(
    mortal: LocalCluster, namespace: Namespace, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    settings = {"AUDIO_ADMIN_TOKEN_FILE": str(tmp_path / "token"), "AUDIO_HEALTH_CHECK_INTERVAL": "1s"}
    worker = Worker(mortal.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker", **settings)
    with running(worker):
        mortal.kill(1)
        await until(lambda: not readiness(worker)["brokers_answer"], 15)
        assert series(worker, "audio_ready")["brokers_answer"] == 0
        assert worker.get("/health/live")[0] == 200
        assert "brokers_silent" in [seen["event"] for seen in status(worker, TOKEN)["last_errors"]]
        await asyncio.to_thread(mortal.restart, 1)
        await until(worker.is_ready, 40)
        worker.kill()
        worker.start()
        await asyncio.to_thread(worker.wait_ready)
        assert {reason: n for reason, n in series(worker, "audio_worker_exits_total").items() if n} == {"crashed": 1}
        check_status(worker)


def check_status(worker: Worker) -> None:
    assert worker.get("/admin/audio/status")[0] == 401
    with pytest.raises(urllib.error.HTTPError, match="401"):
        status(worker, TOKEN[:-1])
    told = status(worker, TOKEN)
    assert TOKEN not in json.dumps(told)
    assert TOKEN not in worker.log.read_text()
    assert [line["settings"] for line in worker.lines() if line["event"] == "worker_started"][-1] == told["settings"]
    assert told["settings"]["AUDIO_ADMIN_TOKEN"] is True
    assert told["settings"]["AUDIO_LAG_OBJECTIVE"] == 5.0
    assert [end["reason"] for end in told["exits"]["latest"]] == ["crashed"]
    live = [one for one in told["partitions"] if one["topic"].endswith("audio.raw")]
    assert [one["partition"] for one in live] == list(range(PARTITIONS))
    assert len(told["partitions"]) == 2 * PARTITIONS
    assert all(one["assigned"] and one["lag_records"] == one["lane_depth"] == 0 for one in told["partitions"])
    assert told["choice"]["level"] == "auto"
    assert all(told["ready"].values())
