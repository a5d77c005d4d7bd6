"""A process that outlives the command that starts it; the next command finds it again."""

import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

_POLL_S = 0.05
_LOG_TAIL_LINES = 15

# The process writes its id itself, as the command that started it may die before it can.
_NOTE_PID_AND_RUN = 'echo $$ > "$0" && exec "$@"'


class DetachedProcess:
    """One process, with its output in one file and its id in another.

    It is identified by its id and an argument on its command line, so that another process that got the id of a dead
    one is never mistaken for it.

    Args:
        pid_file: For the process id; the process runs in the directory of this file.
        log: The file to which its output is appended.
        marks: Arguments of which its command line has at least one, and that of no other process has any.
    """

    def __init__(self, pid_file: Path, log: Path, marks: Collection[str]) -> None:
        self._pid_file = pid_file
        self._log = log
        self._marks = {os.fsencode(mark) for mark in marks}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str]) -> None:
        """Start the process in a session of its own."""
        noted = ["sh", "-c", _NOTE_PID_AND_RUN, str(self._pid_file), *command]
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                noted,
                cwd=self._pid_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pid(self) -> int | None:
        """Return the process id, or None if it is not running."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if self._marks.intersection(arguments) else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its child processes; do nothing if it is not running."""
        pid = self.pid()
        if pid is not None:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                return

    def wait_until_ended(self, timeout: float) -> bool:
        """Wait for the process to end; return whether it did.

        Args:
            timeout: Seconds.
        """
        deadline = time.monotonic() + timeout
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def log_tail(self) -> str:
        """The end of the output, and the path of the whole output."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([*lines, f"(the whole log: {self._log})"])
