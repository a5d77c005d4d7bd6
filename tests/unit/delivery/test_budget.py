import asyncio

from streams.delivery.budget import InFlightBudget
from streams.telemetry.metrics import Metrics


async def test_bytes_are_bounded_and_the_bound_is_shown() -> None:
    metrics = Metrics()
    budget = InFlightBudget(max_records=10, max_bytes=100, metrics=metrics)
    await budget.acquire(60)
    waiting = asyncio.create_task(budget.acquire(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert metrics.registry.get_sample_value("audio_in_flight_bytes") == 60
    assert budget.waits_for_commits
    budget.processed()
    budget.release(60)
    await waiting
    assert (budget.records, budget.bytes) == (1, 60)
    assert not budget.waits_for_commits


async def test_a_processed_clip_makes_room_for_another_before_it_is_committed() -> None:
    budget = InFlightBudget(max_records=1, max_bytes=100, metrics=Metrics())
    await budget.acquire(10)
    waiting = asyncio.create_task(budget.acquire(10))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not budget.waits_for_commits
    budget.processed()
    await waiting
    assert (budget.records, budget.bytes) == (1, 20)


async def test_watchers_hear_that_the_reader_waits() -> None:
    budget = InFlightBudget(max_records=10, max_bytes=100, metrics=Metrics())
    watcher = asyncio.Event()
    budget.watchers.add(watcher.set)
    await budget.acquire(60)
    assert not watcher.is_set()
    waiting = asyncio.create_task(budget.acquire(60))
    await watcher.wait()
    budget.release(60)
    await waiting


async def test_a_clip_larger_than_the_budget_goes_alone() -> None:
    budget = InFlightBudget(max_records=10, max_bytes=100, metrics=Metrics())
    await budget.acquire(1000)
    small = asyncio.create_task(budget.acquire(1))
    await asyncio.sleep(0)
    assert not small.done()
    budget.release(1000)
    await small


async def test_one_release_may_admit_several() -> None:
    budget = InFlightBudget(max_records=10, max_bytes=100, metrics=Metrics())
    await budget.acquire(100)
    waiting = [asyncio.create_task(budget.acquire(20)) for _ in range(3)]
    await asyncio.sleep(0)
    budget.release(100)
    await asyncio.gather(*waiting)
    assert budget.bytes == 60


async def test_a_waiter_that_is_cancelled_takes_nothing() -> None:
    budget = InFlightBudget(max_records=1, max_bytes=100, metrics=Metrics())
    await budget.acquire(1)
    waiting = asyncio.create_task(budget.acquire(1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    budget.processed()
    budget.release(1)
    assert (budget.records, budget.bytes) == (0, 0)
    await budget.acquire(1)
