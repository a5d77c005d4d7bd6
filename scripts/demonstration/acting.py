"""Runs this project's commands as the holders of accounts."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.demonstration.environment import DemoEnvironment
from scripts.processes.module_process import module_command, module_environment

#: Beside the worker that runs.
_DOCTORS_OWN = {"AUDIO_HTTP_PORT": "0"}


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What one of this project's commands has said.

    Attributes:
        account: Who ran it.
        command: Its command line.
        code: Its exit code.
        output: Its standard output, or its error where it failed.
    """

    account: str
    command: str
    code: int
    output: str

    @property
    def summary(self) -> str:
        """The line that says what came of it."""
        lines = self.output.splitlines() or [""]
        return lines[0 if self.command == "lag" else -1].strip()


def run_as(environment: DemoEnvironment, account: str, command: str, *arguments: str | Path) -> CommandOutcome:
    """Run a command as the holder of an account."""
    own = {"AUDIO_STATE_DIR": str(environment.directory / command), **_DOCTORS_OWN}
    done = subprocess.run(
        module_command(f"scripts.commands.{command}", [str(one) for one in arguments]),
        env=module_environment({**environment.variables(account), **own}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stderr if done.returncode and done.stderr.strip() else done.stdout
    shown = [one.name if isinstance(one, Path) else one for one in arguments]
    return CommandOutcome(account, " ".join([command, *shown]), done.returncode, output.strip())
