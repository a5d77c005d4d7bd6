"""Runs other programs, such as docker and kubectl, and tells what they say when they fail."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.deployment.errors import StepError

_LINES = 15  # of a failed program's output


class ProgramError(StepError):
    """A program failed. The log has the end of its output."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that came to its end.

    Attributes:
        code: Its exit code.
        output: What it printed on standard output.
        errors: What it printed on standard error.
    """

    code: int
    output: str
    errors: str


def completed(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, given: str = "", timeout: float = 120.0
) -> Completed:
    """Run a program to its end.

    Args:
        command: The program with its arguments.
        environment: Its environment; None is that of this process.
        given: Its standard input.
        timeout: Seconds after which it is killed.

    Raises:
        ProgramError: If it is not there, or does not end in time.
    """
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise ProgramError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ProgramError(f"{command[0]} did not end within {timeout:g} s") from None
    return Completed(done.returncode, done.stdout, done.stderr)


def output_of(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, given: str = "", timeout: float = 120.0
) -> str:
    """Run a program to its end; returns what it prints on standard output.

    The arguments are those of `completed`.

    Raises:
        ProgramError: As `completed`, or if it ends with another exit code than 0.
    """
    done = completed(command, environment=environment, given=given, timeout=timeout)
    if done.code != 0:
        log = last_lines(done.output + done.errors)
        told = [line for line in log if line.upper().startswith("ERROR")] or log  # compose ends with a general line
        raise ProgramError(told[-1] if told else f"{command[0]} ended with {done.code}", log)
    return done.output


def last_lines(text: str, count: int = _LINES) -> tuple[str, ...]:
    """The last lines that are not empty."""
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())[-count:]
