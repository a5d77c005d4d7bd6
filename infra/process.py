"""A process that outlives the command that starts it, and is found again by the next one."""

import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

_POLL_S = 0.05
_LOG_TAIL_LINES = 15

# Written by the process itself: whoever started it may die before it could take a note.
_NOTE_PID_AND_RUN = 'echo $$ > "$0" && exec "$@"'


class DetachedProcess:
    """One process with its output in a file and its id in another.

    It is found again by its id together with an argument on its command line, so a process that was given a dead one's
    id is never taken for it.

    Args:
        pid_file: For its id; the process runs in that file's directory.
        log: Its output is added to it.
        marks: Arguments of which it has at least one, and no other process has any.
    """

    def __init__(self, pid_file: Path, log: Path, marks: Collection[str]) -> None:
        self._pid_file = pid_file
        self._log = log
        self._marks = {os.fsencode(mark) for mark in marks}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str]) -> None:
        """Start it, in a session of its own."""
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
        """Return its id, None when it does not run."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if self._marks.intersection(arguments) else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and whatever it has started; nothing happens when it does not run."""
        pid = self.pid()
        if pid is not None:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                return

    def wait_until_ended(self, timeout: float) -> bool:
        """Wait for it to end; tell whether it did.

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
        """The end of its output, and where the whole of it is."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([*lines, f"(the whole log: {self._log})"])
