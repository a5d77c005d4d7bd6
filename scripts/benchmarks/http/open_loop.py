"""Sends requests at a fixed rate, whatever becomes of the earlier ones, and measures each from when it was due."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured on one route at one rate.

    Attributes:
        route: What was asked.
        rate: Requests a second that were due.
        p50_ms: Median time from when a request was due to its answer, in milliseconds.
        p95_ms: Of 95 % of them.
        p99_ms: Of 99 % of them.
        errors: Answers other than the wanted ones, and requests without an answer.
        cpu_ms: Processor time of the API's process for each request, in milliseconds; of the bench's own for the
            producer.
        late_ms: How late 99 % of the requests were sent at most: what the bench itself adds to the times.
    """

    route: str
    rate: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float
    late_ms: float


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one kind.

    Attributes:
        route: What is asked.
        rate: Requests a second.
        send: Sends the request of a number, and returns the answer's status; 0 without one.
        wanted: The statuses that are no errors.
    """

    route: str
    rate: int
    send: Callable[[int], Awaitable[int]]
    wanted: frozenset[int]


async def measured(load: Load, seconds: float, cpu: Callable[[], float]) -> tuple[Row, Counter[int]]:
    """Send at a rate.

    Args:
        load: What is sent.
        seconds: How long.
        cpu: Returns the processor time so far, in seconds.

    Returns:
        The row, and how many answers had which status.
    """
    count = max(round(load.rate * seconds), 1)
    times: list[float] = []
    late: list[float] = []
    statuses: Counter[int] = Counter()

    async def one(number: int, due: float) -> None:
        late.append(time.perf_counter() - due)
        status = await load.send(number)
        times.append(time.perf_counter() - due)
        statuses[status] += 1

    began, before = time.perf_counter(), cpu()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = began + number / load.rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            group.create_task(one(number, due))
    errors = sum(number for status, number in statuses.items() if status not in load.wanted)
    row = Row(
        load.route,
        load.rate,
        round(percentile_ms(times, 0.5), 1),
        round(percentile_ms(times, 0.95), 1),
        round(percentile_ms(times, 0.99), 1),
        errors,
        round(1000 * (cpu() - before) / count, 3),
        round(percentile_ms(late, 0.99), 1),
    )
    return row, statuses


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    """The value below which a share of some times is, in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def median_row(rows: Sequence[Row]) -> Row:
    """The medians of the same row of several rounds; of errors, the sum."""
    numbers = {one.name: median([getattr(row, one.name) for row in rows]) for one in fields(Row) if one.name != "route"}
    return Row(**{**numbers, "route": rows[0].route, "rate": rows[0].rate, "errors": sum(row.errors for row in rows)})
