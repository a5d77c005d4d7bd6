"""Runs a module of this project as a process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

#: The directory that the packages are imported from.
IMPORTED_FROM = Path(__file__).resolve().parents[__name__.count(".")]
_STOP_WITHIN_S = 30.0
_TAIL_LINES = 12


class ProcessError(Exception):
    """A process has ended or is not ready. The message has several lines: the reason, and the end of its log."""


def module_command(module: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a module of this project."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for it: this process's, with the settings."""
    return {**os.environ, **settings, "PYTHONPATH": str(IMPORTED_FROM)}


class ModuleProcess:
    """Starts one process and stops it by its id.

    Args:
        module: The module to run, by its full name.
        settings: Its settings as environment variables; all others are inherited.
        log: The file for its output.
        arguments: Its command line.
    """

    def __init__(self, module: str, settings: Mapping[str, str], log: Path, arguments: Sequence[str] = ()) -> None:
        self.log = log
        self.name = module.rpartition(".")[2]
        self._command = module_command(module, arguments)
        self._environment = module_environment(settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; only after `start`."""
        return self._started().pid

    def start(self) -> None:
        """Start it; returns at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C goes to the parent, which then stops it
            )

    def require_alive(self) -> None:
        """Make sure that it runs.

        Raises:
            ProcessError: If it has ended.
        """
        code = self._started().poll()
        if code is not None:
            raise self.error(f"ended with exit code {code}")

    def error(self, what: str) -> ProcessError:
        """Make the error for a failed process."""
        return ProcessError(f"the {self.name} {what}:\n{self._tail()}")

    def stop(self) -> None:
        """Stop it with SIGTERM; its log stays."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProcessError(f"the {self.name} was not started")
        return self._process

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([*lines, f"(the whole log: {self.log})"])
