"""Runs one process of the HTTP API with its console."""

from collections.abc import Mapping
from pathlib import Path

from scripts.commands import api
from scripts.processes.worker_process import WorkerProcess


class ConsoleProcess(WorkerProcess):
    """Starts one API process, waits until it is ready, and stops it.

    Args:
        settings: Its settings, as environment variables, with `AUDIO_STATE_DIR` among them.
        port: The port of this machine that it listens at.
        log: The file for its log.
    """

    def __init__(self, settings: Mapping[str, str], port: int, log: Path) -> None:
        super().__init__({**settings, "AUDIO_API_PORT": str(port), "AUDIO_HTTP_PORT": str(port)}, log, api.__name__)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}/"
