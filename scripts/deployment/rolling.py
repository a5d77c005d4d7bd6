"""Which worker is started or stopped next in a rolling update, so that there is always one that works."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """The condition of a worker."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker of either version.

    Attributes:
        id: Its name in the engine.
        is_new: Whether it has the version after.
        health: Its condition.
        told: The reason, where it has failed.
    """

    id: str
    is_new: bool
    health: Health
    told: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Start one more new worker, so that there are `total` of both versions."""

    total: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a worker for good."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until a new worker is ready."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A new worker does not work."""

    worker: Worker


@dataclass(frozen=True, slots=True)
class Complete:
    """All workers are new, ready, and as many as wanted."""


Move = Start | Stop | Wait | Failed | Complete


def next_move(workers: Sequence[Worker], wanted: int) -> Move:
    """Decide what is done next.

    One new worker is started before any old one is stopped, and at most one more than wanted run at a time, beyond
    those that ran already. Old workers that have failed are stopped first.

    Args:
        workers: All workers at present.
        wanted: How many new ones there have to be, at least one.
    """
    new = [worker for worker in workers if worker.is_new]
    old = sorted((one for one in workers if not one.is_new), key=lambda one: one.health is Health.READY)
    for worker in new:
        if worker.health is Health.FAILED:
            return Failed(worker)
    if any(worker.health is Health.STARTING for worker in new):
        return Wait()
    if not new or (len(new) < wanted and len(workers) <= wanted):
        return Start(len(workers) + 1)
    if old:
        return Stop(old[0])
    return Stop(new[-1]) if len(new) > wanted else Complete()
