"""Carries a deployment through its steps, from wherever it stands, and saves its record before each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from scripts.deployment.errors import DeploymentError, StepError, UnfinishedError
from scripts.deployment.record import Record, Step
from scripts.deployment.target import Check, Request, Target, Tell


class ExitCode(IntEnum):
    """How a deployment ended, for scripts."""

    DONE = 0
    ROLLED_BACK = 1
    WRONG_USE = 2
    ROLLBACK_FAILED = 3
    REFUSED = 4
    NOT_ROLLED_BACK = 5
    LOCKED = 6
    UNFINISHED = 7


_EXIT_CODES = {
    Step.DONE: ExitCode.DONE,
    Step.ROLLED_BACK: ExitCode.ROLLED_BACK,
    Step.ROLLBACK_FAILED: ExitCode.ROLLBACK_FAILED,
    Step.NOT_ROLLED_BACK: ExitCode.NOT_ROLLED_BACK,
}


_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a deployment ended.

    Attributes:
        code: The exit code.
        checks: The checks before it; empty where it was resumed.
        record: Its record; None if there was nothing to do, or it was refused.
        resumed: Whether it had been interrupted.
    """

    code: ExitCode
    checks: tuple[Check, ...]
    record: Record | None
    resumed: bool = False


def deploy(target: Target, request: Request, tell: Tell, *, dry_run: bool = False) -> Ending:
    """Deploy, or go on with the deployment that was interrupted.

    Args:
        target: The system.
        request: What is to run there.
        tell: Shows progress.
        dry_run: Only check and plan; the record then says what would be done.

    Raises:
        DeploymentError: If it cannot begin; nothing was changed.
    """
    with target.lock():
        last = target.load()
        if last is not None and not (last := last.resumed()).is_finished:
            if last.after.image != request.image:
                raise DeploymentError(
                    f"the deployment of {last.after.image} from {last.began} was interrupted: finish it with "
                    f"AUDIO_IMAGE={last.after.image}, which goes on with its step {last.step}"
                )
            tell(f"going on with the deployment of {last.after.image} from {last.began}, at its step {last.step}")
            return Ending(ExitCode.DONE, (), last, resumed=True) if dry_run else _carried(target, last, (), tell)
        checks = []
        for check in target.checks(request):
            checks.append(replace(check, told=_hidden(check.told, target)))
            tell(f"{check.name}: {checks[-1].told}")
        if not all(check.ok for check in checks):
            return Ending(ExitCode.REFUSED, tuple(checks), None)
        record = target.plan(request)
        if record is None or dry_run:
            return Ending(ExitCode.DONE, tuple(checks), record)
        target.begin(record)
        target.save(record)
        return _carried(target, record, tuple(checks), tell)


def _carried(target: Target, record: Record, checks: tuple[Check, ...], tell: Tell) -> Ending:
    while not record.is_finished:
        record = _after_step(target, record, tell)
        try:
            target.save(record)
        except StepError as error:
            raise UnfinishedError(f"{error.reason}; run the same command again, it goes on from here") from None
    return Ending(_EXIT_CODES[record.step], checks, record, resumed=not checks)


def _after_step(target: Target, record: Record, tell: Tell) -> Record:
    actions: Mapping[Step, Callable[[Record], str]] = {
        Step.SERVICES: target.services,
        Step.TOPICS: target.topics,
        Step.WORKERS: target.workers,
        Step.VALIDATION: target.validation,
        Step.RESTORE: target.restore,
        Step.RESTORED: target.restored,
    }
    begin = time.monotonic()
    tell(f"{record.step}: begins")
    try:
        told = actions[record.step](record)
    except StepError as error:
        reason, log = _hidden(error.reason, target), tuple(_hidden(line, target) for line in error.log)
        tell(f"{record.step}: failed: {reason}")
        return record.failed(time.monotonic() - begin, reason, log)
    tell(f"{record.step}: {told}")
    return record.succeeded(time.monotonic() - begin, told)


def _hidden(text: str, target: Target) -> str:
    """A text without the target's secrets."""
    for secret in target.secrets():
        text = text.replace(secret, _HIDDEN)
    return text
