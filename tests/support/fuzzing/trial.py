"""Sends mutated files through decoder sandboxes, in processes that stand for workers, and counts what dies."""

import atexit
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.limits import DecodeLimits
from streams.sandbox import DecoderSandbox
from tests.support.fuzzing.mutation import mutant
from tests.support.fuzzing.samples import all_samples

LIMITS = DecodeLimits(max_pcm_bytes=4 * 1024 * 1024)
_BATCH = 1000
_TIMEOUT = 30.0  # seconds for one file


@dataclass
class TrialResult:
    """What became of mutated files.

    Attributes:
        inputs: Number of files.
        outcomes: Their number by code of the rejection, ``Clip`` for those that were decoded.
        child_deaths: Number of decoders that died, by code.
        worker_deaths: Number of processes with a sandbox that died.
        failures: Numbers of files that a decoder died or failed on, or whose answer breaks a limit; with the reason.
            Of a worker's death, the numbers are the first of each batch that was in progress.
    """

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    child_deaths: Counter[str] = field(default_factory=Counter)
    worker_deaths: int = 0
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, other: "TrialResult") -> None:
        """Add the numbers of other files."""
        self.inputs += other.inputs
        self.outcomes += other.outcomes
        self.child_deaths += other.child_deaths
        self.worker_deaths += other.worker_deaths
        self.failures |= other.failures


def trial(first: int, count: int, seed: int, processes: int) -> Iterator[TrialResult]:
    """Decode the mutated files of these numbers; yield the result of each batch, until the end or a worker's death."""
    starts = range(first, first + count, _BATCH)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_start) as workers:
        running: dict[Future[TrialResult], int] = {
            workers.submit(_batch, seed, start, min(_BATCH, first + count - start)): start for start in starts
        }
        try:
            for done in as_completed(running):
                yield done.result()
                del running[done]
        except BrokenProcessPool:
            begun = sorted(running.values())[: 2 * processes]
            yield TrialResult(worker_deaths=1, failures=dict.fromkeys(begun, "the worker died in one of these batches"))
        finally:
            workers.shutdown(cancel_futures=True)


@dataclass
class _Worker:
    sandbox: DecoderSandbox
    deaths: list[str]


_worker: list[_Worker] = []


def _start() -> None:
    deaths: list[str] = []
    sandbox = DecoderSandbox(1, LIMITS, timeout=_TIMEOUT, on_death=deaths.append)
    sandbox.start()
    atexit.register(sandbox.close)
    _worker.append(_Worker(sandbox, deaths))


def _batch(seed: int, start: int, count: int) -> TrialResult:
    worker, samples = _worker[0], all_samples()
    result = TrialResult(inputs=count)
    worker.deaths.clear()
    for number in range(start, start + count):
        file = mutant(samples, seed, number)
        answer = worker.sandbox.decode(file.audio, file.media_type)
        result.outcomes["Clip" if isinstance(answer, Clip) else answer.code] += 1
        if failure := _failure(answer):
            result.failures[number] = f"{file.name} labelled {file.media_type}: {failure}"
    result.child_deaths.update(worker.deaths)
    return result


def _failure(answer: Clip | Rejection) -> str | None:
    if isinstance(answer, Rejection):
        return answer.message if answer.code.startswith("Decoder") else None
    return None if 0 < answer.samples.nbytes <= LIMITS.max_pcm_bytes else f"{answer.samples.nbytes} bytes of samples"
