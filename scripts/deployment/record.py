"""The record of a deployment: what was before, what is to be, and how far it has come. It is saved before each step."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """What is done next; the last four say how it ended."""

    SERVICES = "services"
    TOPICS = "topics"
    WORKERS = "workers"
    VALIDATION = "validation"
    RESTORE = "restore"
    RESTORED = "restored"

    DONE = "done"
    ROLLED_BACK = "rolled back"
    ROLLBACK_FAILED = "rollback failed"
    NOT_ROLLED_BACK = "not rolled back"


#: The step after a step that succeeded.
_AFTER = {
    Step.SERVICES: Step.TOPICS,
    Step.TOPICS: Step.WORKERS,
    Step.WORKERS: Step.VALIDATION,
    Step.VALIDATION: Step.DONE,
    Step.RESTORE: Step.RESTORED,
    Step.RESTORED: Step.ROLLED_BACK,
}
_DIGEST = 12  # hexadecimal digits
ROLLBACK = (Step.RESTORE, Step.RESTORED)
#: The steps of an update, in their order.
UPDATE = tuple(step for step in _AFTER if step not in ROLLBACK)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the product with its settings.

    Attributes:
        image: Name and tag of the image.
        digest: What the name stood for, ``sha256:...``; empty where it is not known.
        settings: Digest of its whole configuration.
    """

    image: str
    digest: str
    settings: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A step that came to an end.

    Attributes:
        step: The step.
        ok: Whether it succeeded.
        seconds: Its duration.
        told: What was done, or why it failed, in one line.
    """

    step: Step
    ok: bool
    seconds: float
    told: str


@dataclass(frozen=True, slots=True)
class Record:
    """A deployment.

    Attributes:
        began: When, as RFC 3339 in UTC.
        environment: ``local``, ``staging`` or ``production``.
        before: What ran before; None if nothing did.
        after: What is to run.
        workers: Number of workers that are wanted.
        rollback: Whether a failure puts the version before back.
        step: What is done next.
        finished: The steps that came to an end.
        log: Last lines of what failed first.
        former: Names of what ran before, in the target's terms.
    """

    began: str
    environment: str
    before: Version | None
    after: Version
    workers: int
    rollback: bool
    step: Step = Step.SERVICES
    finished: tuple[Finished, ...] = ()
    log: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.step not in _AFTER

    @property
    def running(self) -> Version | None:
        """The version that runs as a whole, by this record; None while and where it is a mixture."""
        return {Step.DONE: self.after, Step.ROLLED_BACK: self.before}.get(self.step)

    def succeeded(self, seconds: float, told: str) -> "Record":
        """The record after its step has succeeded."""
        done = Finished(self.step, ok=True, seconds=seconds, told=told)
        return replace(self, step=_AFTER[self.step], finished=(*self.finished, done))

    def failed(self, seconds: float, reason: str, log: tuple[str, ...] = ()) -> "Record":
        """The record after its step has failed: what follows is the rollback, if one is possible and wanted."""
        if self.step in ROLLBACK:
            following = Step.ROLLBACK_FAILED
        elif self.rollback and self.before is not None:
            following = Step.RESTORE
        else:
            following = Step.NOT_ROLLED_BACK
        done = Finished(self.step, ok=False, seconds=seconds, told=reason)
        return replace(self, step=following, finished=(*self.finished, done), log=self.log or log)

    def resumed(self) -> "Record":
        """The record with which a later command goes on: a rollback that failed is tried again from its beginning."""
        return replace(self, step=Step.RESTORE) if self.step is Step.ROLLBACK_FAILED else self

    def to_json(self) -> str:
        """The record as text."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Read a record.

        Raises:
            ValueError: If the text is no record.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            data["before"] = None if data["before"] is None else Version(**data["before"])
            data["after"] = Version(**data["after"])
            data["step"] = Step(data["step"])
            data["finished"] = tuple(Finished(**{**one, "step": Step(one["step"])}) for one in data["finished"])
            return cls(**{**data, "log": tuple(data["log"]), "former": tuple(data["former"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no record of a deployment: {error}") from error


def settings_digest(configuration: str) -> str:
    """The name of a configuration, from its text."""
    return hashlib.sha256(configuration.encode()).hexdigest()[:_DIGEST]


def new_record(
    environment: str,
    before: Version | None,
    after: Version,
    *,
    workers: int,
    rollback: bool,
    former: Sequence[str],
) -> Record:
    """A record of a deployment that begins now; the arguments are its attributes."""
    began = datetime.now(UTC).isoformat(timespec="seconds")
    return Record(began, environment, before, after, workers, rollback, former=tuple(former))
