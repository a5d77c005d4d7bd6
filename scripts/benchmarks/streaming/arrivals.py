"""The send times of a run, fixed in advance as telephony fixes them, and the waiting times of its records."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]

_MS = 1000.0
_LAST_S = 1.0  # the last second of sending, whose records have waited longest if the system is overloaded


def due_times(calls: int, rate: float, count: int, seed: int) -> Seconds:
    """When each record is due, in seconds from the start of the run, in order.

    Every call sends at an even pace, as telephony does, and begins at a random time. Record `number` belongs to call
    `number % calls`, as in `records.messages`.

    Args:
        calls: Number of simultaneous calls.
        rate: Records per second of all calls together.
        count: Number of records.
        seed: Determines the times at which the calls begin.
    """
    period = calls / rate
    begins = np.sort(np.random.default_rng(seed).uniform(0.0, period, calls))
    numbers = np.arange(count)
    due: Seconds = begins[numbers % calls] + (numbers // calls) * period
    return due


@dataclass(frozen=True, slots=True)
class WaitTimes:
    """How long records waited, from the moment they were due until a reader of committed records had their results.

    Attributes:
        p50_ms: Median in milliseconds.
        p95_ms: 95th percentile in milliseconds.
        p99_ms: 99th percentile in milliseconds.
        max_ms: Maximum in milliseconds.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, waits: Seconds) -> "WaitTimes":
        """Compute the percentiles without interpolation: each is a waiting time that occurred.

        Args:
            waits: At least one, in seconds.
        """
        p50, p95, p99 = np.percentile(waits * _MS, (50, 95, 99), method="inverted_cdf")
        return cls(float(p50), float(p95), float(p99), float(waits.max() * _MS))


@dataclass(frozen=True, slots=True)
class Overload:
    """How a system dealt with more records than it could process at once.

    Attributes:
        throughput: Results per second while records were sent.
        backlog: Records due and without a result when the last one was due.
        backlog_s: Seconds that the backlog takes at that throughput.
        end_wait_s: Mean wait of the records of the last second of sending, in seconds.
    """

    throughput: float
    backlog: int
    backlog_s: float
    end_wait_s: float

    @classmethod
    def of(cls, due: Seconds, arrived: Seconds) -> "Overload":
        """Judge one run.

        Args:
            due: When the records were due, in order, on any clock; at least a second of them.
            arrived: When their results came, on the same clock.
        """
        begin, end = due[0], due[-1]
        in_time = int(np.count_nonzero(arrived <= end))
        throughput = in_time / float(end - begin)
        last = due > end - _LAST_S
        waiting = len(due) - in_time
        return cls(throughput, waiting, waiting / throughput, float((arrived - due)[last].mean()))


def drained_rate(arrived: Seconds) -> float:
    """Results per second of a backlog that was there from the start.

    The first tenth does not count: it is the start of the pipeline.

    Args:
        arrived: When the results came, in any order; twenty or more.
    """
    ordered = np.sort(arrived)
    counted: Seconds = ordered[len(ordered) // 10 :]
    return (len(counted) - 1) / float(counted[-1] - counted[0])


def late(due: Seconds, sent: Seconds) -> float:
    """99th percentile of the sender's lateness in milliseconds: if it is high, the bench is too slow for its load."""
    return float(np.percentile((sent - due) * _MS, 99, method="inverted_cdf"))
