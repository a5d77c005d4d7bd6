"""Wrong clocks, of a sender or of the worker, cause no load, no lag and no early expiry of dead letters."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.workers import Worker, running
from tests.e2e.test_worker import bad, exact, metric, planned, spoken
from tests.support.brokers import Broker, Namespace

OBJECTIVE = {"AUDIO_LAG_OBJECTIVE": "500ms"}
#: A time in seconds instead of milliseconds, and a clock that is an hour behind.
SKEWS_MS = [-int(time.time() * 999), -3_600_000]


def skewed(plan: Sequence[PlannedInput]) -> list[PlannedInput]:
    return [replace(one, skew_ms=SKEWS_MS[number % 2]) for number, one in enumerate(plan)]


async def test_senders_with_wrong_clocks_make_no_load_and_letters_remain(
    worker: Worker, oracle: DeliveryOracle
) -> None:
    worker.environment |= OBJECTIVE
    before = time.time()
    with running(worker):
        await oracle.send(skewed([bad(0), *(planned(spoken(0.2), number) for number in range(1, 60))]), per_second=6)
        await exact(oracle)
        assert metric(worker, "audio_pressure_steps") == 0
        assert metric(worker, "audio_delivery_seconds_count") == 60
        assert metric(worker, "audio_delivery_seconds_sum") < 60 * 5
    (letter,) = oracle.dead_letters
    assert before - 1 < letter.timestamp / 1000 < time.time() + 1
    assert {one.header("ce_level") for one in oracle.results} == {"3"}


async def test_a_worker_whose_clock_is_ahead_knows_it_and_makes_no_load_of_it(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(
        broker.bootstrap_servers,
        namespace.prefix,
        namespace.group,
        tmp_path,
        module="tests.e2e.wrong_clock",
        **OBJECTIVE,
    )
    with running(worker):
        await oracle.send([planned(spoken(0.2), number) for number in range(60)], per_second=6)
        await exact(oracle)
        assert metric(worker, "audio_pressure_steps") == 0
        assert 9 < metric(worker, "audio_clock_ahead_seconds") < 11
        assert metric(worker, "audio_delivery_seconds_sum") < 60 * 5
    assert {one.header("ce_level") for one in oracle.results} == {"3"}


async def test_a_sender_whose_audio_begins_in_the_future_is_named(worker: Worker, oracle: DeliveryOracle) -> None:
    good = planned(spoken(0.2), 0)
    future = tuple(
        (name, b"2099-01-01T00:00:00Z" if name == "ce_time" else value) for name, value in good.message.headers
    )
    with running(worker):
        await oracle.send([replace(good, message=replace(good.message, headers=future))])
        await exact(oracle)
        assert metric(worker, "audio_hotel_wrong_times_total") == 1
    (line,) = (line for line in worker.lines() if line["event"] == "sender_time_wrong")
    assert (line["hotel"], line["source"]) == ("lisbon", "urn:bench:pbx")
