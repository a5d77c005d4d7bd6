"""Readiness, metrics and the log of a worker while its object stores break and recover."""

from collections.abc import Iterator

import pytest

from infra.stores.local import LocalStores
from tests.chaos.workers import Worker, running
from tests.e2e.test_health import readiness, until
from tests.support.faulty_store import FaultyStore
from tests.support.object_stores import environment, port_of

WITHIN = 60.0  # seconds


@pytest.fixture
def endpoints(object_stores: LocalStores) -> Iterator[list[FaultyStore]]:
    made = [FaultyStore(port_of(endpoint)) for endpoint in object_stores.endpoints]
    yield made
    for one in made:
        one.close()


def health_score(worker: Worker) -> float:
    page = worker.get("/metrics")[1]
    [line] = [line for line in page.splitlines() if line.startswith("audio_pool_health_score ")]
    return float(line.split()[1])


def told(worker: Worker, event: str) -> set[str]:
    """The endpoints of which the log tells an event."""
    return {line["endpoint"] for line in worker.lines() if line["event"] == event}


async def test_a_worker_is_ready_while_one_endpoint_of_its_store_is_healthy_and_says_which_are(
    worker: Worker, object_stores: LocalStores, endpoints: list[FaultyStore]
) -> None:
    worker.environment.update(
        environment(object_stores, [one.endpoint for one in endpoints]) | {"AUDIO_HEALTH_CHECK_INTERVAL": "1s"}
    )
    with running(worker):
        await until(lambda: health_score(worker) == 100, WITHIN)
        endpoints[0].behave("error")
        await until(lambda: health_score(worker) == 50, WITHIN)
        assert readiness(worker)["stores_answer"]
        endpoints[1].behave("full")
        await until(lambda: not readiness(worker)["stores_answer"], WITHIN)
        assert health_score(worker) == 0
        for one in endpoints:
            one.behave("sound")
        await until(lambda: readiness(worker)["ready"] and health_score(worker) == 100, WITHIN)
        addresses = {one.endpoint for one in endpoints}
        await until(lambda: addresses <= told(worker, "store_down") and addresses <= told(worker, "store_up"), WITHIN)
    assert object_stores.secret_key not in "".join(map(str, worker.lines()))
