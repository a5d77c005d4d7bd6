"""A system in memory that is deployed to, and a process that is killed at any point of it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from scripts.deployment.errors import LockedError, StepError
from scripts.deployment.record import Record, Version, new_record
from scripts.deployment.rolling import Complete, Failed, Health, Start, Stop, Worker, next_move
from scripts.deployment.target import Check, Request

OLD = Version("hotel-audio:1", "sha256:1", "settings-1")
NEW = Version("hotel-audio:2", "sha256:2", "settings-2")


class Killed(BaseException):
    """The process was killed."""


@dataclass
class System:
    """What outlives the process: workers by name, services, and the record.

    Attributes:
        crashing: Versions whose workers end at once.
        refusing: Versions whose validation fails.
        count: Number of workers that are wanted.
        kill_at: Number of the effect after which the process is killed; None for never.
    """

    workers: dict[str, Version] = field(default_factory=lambda: {f"old-{n}": OLD for n in range(3)})
    services: Version | None = OLD
    topics: bool = False
    record: str | None = None
    locked: bool = False
    crashing: frozenset[Version] = frozenset()
    refusing: frozenset[Version] = frozenset()
    refused: bool = False
    count: int = 3
    kill_at: int | None = None
    effects: int = 0
    started: int = 0
    fewest: int = 99

    def effect(self) -> None:
        """Note an effect; the process may be killed after it."""
        working = [one for one in self.workers.values() if one not in self.crashing]
        self.fewest = min(self.fewest, len(working))
        self.effects += 1
        if self.effects == self.kill_at:
            raise Killed

    def start(self, version: Version) -> None:
        self.started += 1
        self.workers[f"{version.image}-{self.started}"] = version
        self.effect()

    def stop(self, worker: str) -> None:
        del self.workers[worker]
        self.effect()


class MemoryTarget:
    """A target on a system in memory."""

    def __init__(self, system: System, wanted: Version = NEW) -> None:
        self.system = system
        self.wanted = wanted

    def lock(self) -> AbstractContextManager[None]:
        if self.system.locked:
            raise LockedError("another one")
        return nullcontext()

    def load(self) -> Record | None:
        return None if self.system.record is None else Record.from_json(self.system.record)

    def save(self, record: Record) -> None:
        self.system.record = record.to_json()
        self.system.effect()

    def checks(self, request: Request) -> Iterator[Check]:
        yield Check("target", ok=True, told="answers with s3cret")
        yield Check("brokers", ok=not self.system.refused, told="answer")

    def plan(self, request: Request) -> Record | None:
        versions = set(self.system.workers.values())
        before = next(iter(versions)) if versions else None
        if before == self.wanted and len(self.system.workers) == self.system.count:
            return None
        former: Sequence[str] = list(self.system.workers)
        count = self.system.count
        return new_record(
            request.environment, before, self.wanted, workers=count, rollback=request.rollback, former=former
        )

    def begin(self, record: Record) -> None:
        self.system.effect()

    def services(self, record: Record) -> str:
        self.system.services = record.after
        self.system.effect()
        return "up"

    def topics(self, record: Record) -> str:
        self.system.topics = True
        self.system.effect()
        return "made"

    def workers(self, record: Record) -> str:
        while True:
            seen = [self._seen(name, name not in record.former) for name in self.system.workers]
            match next_move(seen, record.workers):
                case Start():
                    self.system.start(record.after)
                case Stop(worker):
                    self.system.stop(worker.id)
                case Failed(worker):
                    raise StepError(f"{worker.id} ended", ("line 1", "with s3cret"))
                case Complete():
                    return "new"

    def validation(self, record: Record) -> str:
        if record.after in self.system.refusing:
            raise StepError("refuses calls, and tells s3cret")
        return "valid"

    def restore(self, record: Record) -> str:
        assert record.before is not None
        for name in [one for one in self.system.workers if one not in record.former]:
            self.system.stop(name)
        while len(self.system.workers) < len(record.former):
            self.system.start(record.before)
        self.system.services = record.before
        self.system.effect()
        return "restored"

    def restored(self, record: Record) -> str:
        assert record.before is not None
        if record.before in self.system.crashing:
            raise StepError("the version before ended as well")
        return "ready"

    def secrets(self) -> list[str]:
        return ["s3cret"]

    def _seen(self, name: str, is_new: bool) -> Worker:
        lost = self.system.workers[name] in self.system.crashing
        return Worker(name, is_new, Health.FAILED if lost else Health.READY)
