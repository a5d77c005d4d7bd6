"""The capacity of one worker: calls per core, clips per second, and the memory for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.benchmarks.streaming.arrivals import drained_rate
from scripts.benchmarks.streaming.probes import metrics, peak_bytes
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.scale import BASE, backlog_records, workers
from scripts.benchmarks.streaming.speech import DEFAULT, LOSSLESS, Segment
from scripts.benchmarks.streaming.systems import WORKER_SETTINGS
from scripts.benchmarks.streaming.trial import Setup, Trial, ready
from scripts.processes.worker_process import WorkerProcess

CLIP_S = 6.25
"""Seconds of audio in a clip of 100 KB: linear, 8 kHz."""

#: Any lag exceeds this objective, so that the worker spends the least effort; a fixed level and its floor stay.
_UNDER_LOAD = {"AUDIO_LAG_OBJECTIVE": "1ms"}
STEPS = 4
"""Measurements that `carried` makes."""

_EVERY_STEP = 5
_PRESSING = 200  # records at a time, until the worker spends the least effort
_PRESSED_AT_MOST = 30  # times; a step takes two seconds of work
_MB = 1e6


@dataclass(frozen=True, slots=True)
class WorkerCapacity:
    """The capacity of one worker.

    Attributes:
        calls_lossless: Calls at 8 kHz per core, lossless.
        calls_default: The same at the default level.
        calls_default_under_load: The same at the default level, with the effort that a worker spends when it is late.
        clips_per_s: Clips of 100 KB per second, lossless, on all cores of this machine, which also runs the brokers.
        clips_peak_mb: Peak resident memory meanwhile, with children, and with as many clips in flight as are allowed.
    """

    calls_lossless: float
    calls_default: float
    calls_default_under_load: float
    clips_per_s: float
    clips_peak_mb: float


def measure_capacity(
    setup: Setup, segments: Sequence[Segment], clips: Sequence[Segment], *, most: int
) -> WorkerCapacity:
    """Measure it, each figure by draining a backlog.

    Args:
        setup: Brokers, directories and progress display of every trial.
        segments: The audio of calls, in segments of the base's length.
        clips: Clips of `CLIP_S`.
        most: Highest number of records in each measurement.
    """

    def traffic(said: Sequence[Segment], level: str) -> Traffic:
        return Traffic(said, level, BASE.calls, BASE.partitions)

    lossless, default = traffic(segments, LOSSLESS), traffic(segments, DEFAULT)
    rate, peak = _clips(setup, traffic(clips, LOSSLESS), most)
    return WorkerCapacity(
        calls_lossless=_calls(setup, lossless, most),
        calls_default=_calls(setup, default, most),
        calls_default_under_load=_calls(setup, default, most, under_load=True),
        clips_per_s=rate,
        clips_peak_mb=peak,
    )


def _calls(setup: Setup, traffic: Traffic, most: int, *, under_load: bool = False) -> float:
    """Calls per core: seconds of audio per second of processor time."""
    setup.progress.begin(f"calls, {traffic.level}{' under load' if under_load else ''}")
    settings = _UNDER_LOAD if under_load else WORKER_SETTINGS
    count = backlog_records(traffic, most)
    pressing = _PRESSING * _PRESSED_AT_MOST if under_load else 0
    start = workers(traffic.level, traffic.partitions, 1, settings)
    with ready(setup, traffic, start, pressing + count) as trial:
        if under_load:
            _overload(trial)
        done = trial.drain(count)
    setup.progress.advance(1)
    return count * BASE.segment_s / done.cpu_s


def _overload(trial: Trial[WorkerProcess]) -> None:
    """Keep a worker late until it spends the least effort."""
    (process,) = trial.processes
    for _ in range(_PRESSED_AT_MOST):
        if metrics(process)["audio_pressure_steps"] >= _EVERY_STEP:
            return
        trial.drain(_PRESSING)
    raise process.error("does not reduce its effort, however late it is")


def _clips(setup: Setup, traffic: Traffic, most: int) -> tuple[float, float]:
    setup.progress.begin("clips")
    count = backlog_records(traffic, most)
    with ready(setup, traffic, workers(traffic.level, traffic.partitions, 1), count) as trial:
        done = trial.drain(count)
        setup.progress.advance(1)
        return drained_rate(done.arrived), peak_bytes(trial.processes[0].pid) / _MB
