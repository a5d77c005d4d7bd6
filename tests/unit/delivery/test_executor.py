import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from streams.delivery import executor as executor_module
from streams.delivery.executor import ExecutorExhaustedError, RecordExecutor
from streams.delivery.job import LiveJob
from streams.delivery.outcome import InputRecord
from streams.telemetry.metrics import Metrics
from tests.support.delivery import Echo, input_record, until


def job(echo: Echo, number: int = 0) -> LiveJob[None]:
    return LiveJob(input_record(number), echo, lambda key: None, lambda: None, read_at=0.0)


def held(release: threading.Event) -> Callable[[InputRecord], None]:
    """Hold an input until the release."""

    def hold(record: InputRecord) -> None:
        release.wait(10)

    return hold


def fail(error: BaseException) -> None:
    raise error


async def test_a_clip_over_its_time_is_a_dead_letter_and_its_late_result_is_dropped() -> None:
    release = threading.Event()
    failures: list[BaseException] = []
    metrics = Metrics()
    executor = RecordExecutor(2, 0.1, metrics, failures.append)
    watch = asyncio.create_task(executor.enforce_timeouts())

    def hang(record: InputRecord) -> None:
        if record.position.offset == 0:
            release.wait(10)

    slow, quick = job(Echo(hang), 0), job(Echo(hang), 1)
    executor.submit(slow)
    executor.submit(quick)
    await until(lambda: slow.outcome is not None and quick.outcome is not None)
    assert slow.outcome is not None
    assert slow.outcome.rejection is not None
    assert slow.outcome.rejection.code == "ProcessingTimeout"
    assert "0.1 s" in slow.outcome.rejection.message
    assert quick.outcome is not None
    assert quick.outcome.rejection is None
    assert metrics.registry.get_sample_value("audio_abandoned_clips") == 1

    release.set()
    await until(lambda: metrics.registry.get_sample_value("audio_abandoned_clips") == 0)
    assert slow.outcome.rejection.code == "ProcessingTimeout"
    assert failures == []
    watch.cancel()
    executor.shutdown()


async def test_time_in_the_queue_does_not_count() -> None:
    failures: list[BaseException] = []

    def pause(record: InputRecord) -> None:
        time.sleep(0.08)

    executor = RecordExecutor(1, 0.2, Metrics(), failures.append)
    watch = asyncio.create_task(executor.enforce_timeouts())
    echo = Echo(pause)
    jobs = [job(echo, number) for number in range(6)]
    for each in jobs:
        executor.submit(each)
    await until(lambda: all(each.outcome for each in jobs))
    assert all(each.outcome and each.outcome.rejection is None for each in jobs)
    assert failures == []
    watch.cancel()
    executor.shutdown()


async def test_no_thread_left_is_a_failure_once_everything_should_be_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "_COMMIT_WITHIN", 0.5)
    release = threading.Event()
    failures: list[BaseException] = []
    executor = RecordExecutor(2, 0.05, Metrics(), failures.append)

    def hang(record: InputRecord) -> None:
        release.wait(10)

    watch = asyncio.create_task(executor.enforce_timeouts())
    echo = Echo(hang)
    jobs = [job(echo, number) for number in range(2)]
    for each in jobs:
        executor.submit(each)
    await until(lambda: all(each.outcome for each in jobs))
    with pytest.raises(ExecutorExhaustedError):
        executor.check()
    assert failures == []
    await until(lambda: bool(failures))
    assert isinstance(failures[0], ExecutorExhaustedError)
    release.set()
    watch.cancel()
    executor.shutdown()


async def test_a_thread_that_comes_back_is_a_thread() -> None:
    release = threading.Event()
    executor = RecordExecutor(1, 0.05, Metrics(), fail)
    watch = asyncio.create_task(executor.enforce_timeouts())
    late = job(Echo(held(release)))
    executor.submit(late)
    await until(lambda: late.outcome is not None)
    with pytest.raises(ExecutorExhaustedError):
        executor.check()
    release.set()
    later = job(Echo(), 1)
    executor.submit(later)
    await until(lambda: later.outcome is not None)
    executor.check()
    watch.cancel()
    executor.shutdown()


async def test_running_out_of_memory_is_a_failure_not_a_dead_letter() -> None:
    failures: list[BaseException] = []
    executor = RecordExecutor(1, 10, Metrics(), failures.append)

    def exhaust(record: InputRecord) -> None:
        raise MemoryError

    executor.submit(job(Echo(exhaust)))
    await until(lambda: bool(failures))
    assert isinstance(failures[0], MemoryError)
    executor.shutdown()


async def test_finished_jobs_go_back_together_while_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "_HAND_BACK_INTERVAL", 3600.0)
    monkeypatch.setattr(executor_module, "_HAND_BACK_WITHIN", 3600.0)
    executor, release = RecordExecutor(1, 60, Metrics(), fail), threading.Event()
    wakes: list[Callable[..., object]] = []
    loop = asyncio.get_running_loop()
    wake = loop.call_soon_threadsafe

    def count(callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        wakes.append(callback)
        return wake(callback, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    jobs = [job(Echo(held(release)), number) for number in range(20)]
    for each in jobs:
        executor.submit(each)
    release.set()
    await until(lambda: all(each.outcome for each in jobs))
    assert len(wakes) <= 2  # for the first one, and for all others when none waits any more
    executor.shutdown()


async def test_a_finished_job_does_not_wait_for_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "_HAND_BACK_INTERVAL", 3600.0)
    executor, proceed, release = RecordExecutor(1, 60, Metrics(), fail), threading.Event(), threading.Event()
    first, second, long = job(Echo()), job(Echo(held(proceed))), job(Echo(held(release)))
    for each in (first, second, long):
        executor.submit(each)
    await until(lambda: first.outcome is not None)
    proceed.set()
    await until(lambda: second.outcome is not None)
    assert long.outcome is None
    release.set()
    await until(lambda: long.outcome is not None)
    executor.shutdown()


async def test_what_waits_when_the_worker_stops_is_dropped() -> None:
    executor, release = RecordExecutor(1, 60, Metrics(), fail), threading.Event()
    running, waiting = [job(Echo(held(release)), number) for number in range(2)]
    executor.submit(running)
    await until(lambda: running.started is not None)
    executor.submit(waiting)
    executor.shutdown()
    release.set()
    await until(lambda: running.outcome is not None)
    assert waiting.started is None
