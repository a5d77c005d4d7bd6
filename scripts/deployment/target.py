"""What a deployment needs of the system that it deploys to."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from scripts.deployment.errors import StepError
from scripts.deployment.programs import Completed, last_lines
from scripts.deployment.record import Record, Version

_NO_TOPICS = "topics: missing: "

#: Shows what is going on, in one line.
Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Check:
    """A check before a deployment.

    Attributes:
        name: What is checked.
        ok: Whether the deployment may begin.
        told: What was found, in one line.
    """

    name: str
    ok: bool
    told: str


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator asks for.

    Attributes:
        environment: ``local``, ``staging`` or ``production``.
        image: Name and tag of the image.
        rollback: Whether a failure puts the version before back.
        timeout: Seconds that one worker may take to become ready, or a command to end.
    """

    environment: str
    image: str
    rollback: bool
    timeout: float


class Target(Protocol):
    """A system. Every step may be repeated after it was interrupted anywhere; repeated, it leads to the same end."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep other deployments of the same system away; raises LockedError."""
        ...

    def load(self) -> Record | None:
        """The record of the last deployment."""
        ...

    def save(self, record: Record) -> None:
        """Replace the record; afterwards it survives a kill and a loss of power."""
        ...

    def checks(self, request: Request) -> Iterator[Check]:
        """Look whether a deployment can succeed, and can be taken back. Changes nothing but pulls the image."""
        ...

    def plan(self, request: Request) -> Record | None:
        """A record of what is to be done, after the checks; None if everything is as requested. Changes nothing."""
        ...

    def begin(self, record: Record) -> None:
        """Record the configurations of the versions before and after, from which the steps work."""
        ...

    def services(self, record: Record) -> str:
        """Bring everything but the workers to the configuration after; like the following, returns what was done.

        Raises:
            StepError: As the following do, if it fails.
        """
        ...

    def topics(self, record: Record) -> str:
        """Create missing topics."""
        ...

    def workers(self, record: Record) -> str:
        """Replace the workers one by one."""
        ...

    def validation(self, record: Record) -> str:
        """Send real calls through the system that runs, and look at everything else of it."""
        ...

    def restore(self, record: Record) -> str:
        """Put the version before back, with its configuration."""
        ...

    def restored(self, record: Record) -> str:
        """Look whether the version before runs as a whole again."""
        ...

    def secrets(self) -> list[str]:
        """Values that no report may show."""
        ...


def checked(name: str, look: Callable[[], str]) -> Check:
    """Make a check of what looks at something and returns what it has found, or raises."""
    try:
        return Check(name, ok=True, told=look())
    except StepError as error:
        return Check(name, ok=False, told=error.reason)


def topics_told(done: Completed) -> str:
    """What `topics check` says, in one line. Topics that are missing are no obstacle.

    Raises:
        StepError: If no broker answers, or a topic is not as it has to be.
    """
    if done.code == 0:
        return " ".join(last_lines(done.output, 1))
    lines = last_lines(done.output + done.errors)
    spoken = [line for line in lines if not line.isdecimal()]  # compose 1 ends with the exit code alone
    last = spoken[-1] if spoken else f"topics check ended with {done.code}"
    missing = next((line for line in lines if line.startswith(_NO_TOPICS)), None)
    if missing is None:
        raise StepError(last.removeprefix("topics: "), lines)
    return f"to be made: {missing.removeprefix(_NO_TOPICS).partition(';')[0]}"


def described(version: Version | None) -> str:
    """A version in a few words."""
    if version is None:
        return "nothing"
    return f"{version.image} ({version.digest.removeprefix('sha256:')[:12] or 'digest unknown'})"
