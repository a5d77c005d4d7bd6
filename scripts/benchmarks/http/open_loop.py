"""Sends requests at a fixed rate, whatever becomes of the earlier ones, and measures each from when it was due."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured on one route at one rate.

    Attributes:
        route: What was asked.
        rate: Requests a second that were due.
        p50_ms: Median time from when a request was due to its answer, in milliseconds.
        p95_ms: Of 95 % of them.
        p99_ms: Of 99 % of them.
        errors: Answers other than the wanted one, and requests without an answer.
        cpu_ms: Processor time of the API's process for each request, in milliseconds; of the bench's own for the
            producer.
    """

    route: str
    rate: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float


async def measured(
    route: str,
    rate: int,
    seconds: float,
    send: Callable[[int], Awaitable[bool]],
    cpu: Callable[[], float],
) -> Row:
    """Send at a rate.

    Args:
        route: The row's name.
        rate: Requests a second.
        seconds: How long.
        send: Sends the request of a number, and returns whether its answer is the wanted one.
        cpu: Returns the processor time so far, in seconds.
    """
    count = round(rate * seconds)
    times: list[float] = []
    errors = 0

    async def one(number: int, due: float) -> None:
        nonlocal errors
        fine = await send(number)
        times.append(time.perf_counter() - due)
        errors += not fine

    began, before = time.perf_counter(), cpu()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            group.create_task(one(number, due))
    used = cpu() - before
    times.sort()
    p50, p95, p99 = (1000 * times[min(round(share * count), count - 1)] for share in (0.5, 0.95, 0.99))
    return Row(route, rate, round(p50, 1), round(p95, 1), round(p99, 1), errors, round(1000 * used / count, 2))
