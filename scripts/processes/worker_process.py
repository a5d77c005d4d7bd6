"""Runs one worker as a process."""

import shutil
import time
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from scripts.commands import worker
from scripts.processes.module_process import ModuleProcess

MODULE = worker.__name__
_HOST = "127.0.0.1"
#: It is asked on this machine, as plain HTTP, whatever the environment says.
_ASKED_HERE = {"AUDIO_HTTP_HOST": _HOST, "AUDIO_HTTP_TLS_CERTFILE": "", "AUDIO_HTTP_TLS_KEYFILE": ""}
_READY_WITHIN_S = 60.0
_POLL_S = 0.1


class WorkerProcess(ModuleProcess):
    """Starts one worker, waits until it is ready, and stops it.

    Args:
        settings: Its settings, as environment variables, with `AUDIO_HTTP_PORT` and `AUDIO_STATE_DIR` among them.
        log: The file for its log.
        module: The module to run as a worker, by its full name.
        arguments: The module's command line.
    """

    def __init__(
        self, settings: Mapping[str, str], log: Path, module: str = MODULE, arguments: Sequence[str] = ()
    ) -> None:
        super().__init__(module, {**settings, **_ASKED_HERE}, log, arguments)
        self.port = int(settings["AUDIO_HTTP_PORT"])
        self._state = Path(settings["AUDIO_STATE_DIR"])

    def wait_until_ready(self) -> None:
        """Wait until it reports that it is ready.

        Raises:
            ProcessError: If it ends before that, or takes too long.
        """
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._is_ready():
            self.require_alive()
            if time.monotonic() > deadline:
                raise self.error(f"was not ready within {_READY_WITHIN_S:.0f} s")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop it with SIGTERM, and remove its state; its log stays."""
        super().stop()
        shutil.rmtree(self._state, ignore_errors=True)

    def metrics(self) -> str:
        """Its metrics now, as Prometheus' text.

        Raises:
            OSError: If it does not answer.
        """
        with urllib.request.urlopen(f"http://{_HOST}:{self.port}/metrics", timeout=5) as answer:  # nosec B310 # HTTP alone
            text: str = answer.read().decode()
            return text

    def _is_ready(self) -> bool:
        url = f"http://{_HOST}:{self.port}/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # nosec B310 # HTTP alone
                return bool(answer.status == HTTPStatus.OK)
        except OSError:  # it does not listen yet, or is not ready
            return False
