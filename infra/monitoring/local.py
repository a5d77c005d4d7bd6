"""Prometheus and Alertmanager as processes on this machine, on loopback."""

import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from infra.kafka.ports import HOST, is_free
from infra.monitoring.configuration import Monitoring, render
from infra.monitoring.errors import MonitoringError
from infra.monitoring.programs import Command, ensure_programs
from infra.process import DetachedProcess

_START_TIMEOUT_S = 30.0
_END_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 2.0
_POLL_S = 0.05


class _Server:
    """One of the two servers: a process with its output, its data and its port."""

    def __init__(self, directory: Path, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._configuration = f"--config.file={directory / name}.yml"
        log = directory / f"{name}.log"
        self._process = DetachedProcess(directory / f"{name}.pid", log, (self._configuration,))

    def start(self, program: Command, *options: str) -> None:
        # Alerts contain links to both servers: to the addresses where they listen, not to this machine's name.
        web = (f"--web.listen-address={HOST}:{self.port}", f"--web.external-url={self.url}")
        self._process.start([*program, self._configuration, *web, *options])

    def runs(self) -> bool:
        return self._process.pid() is not None

    def is_ready(self) -> bool:
        if not self.runs():
            return False
        try:
            url = f"http://{HOST}:{self.port}/-/ready"
            with urllib.request.urlopen(url, timeout=_ANSWER_TIMEOUT_S):  # nosec B310 # HTTP alone
                return True
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.is_ready():
            if not self.runs():
                raise MonitoringError(f"{self.name} ended while starting:\n{self._process.log_tail()}")
            if time.monotonic() > deadline:
                raise MonitoringError(f"{self.name} was not ready in time:\n{self._process.log_tail()}")
            time.sleep(_POLL_S)

    def end(self) -> None:
        self._process.signal(signal.SIGTERM)
        if not self._process.wait_until_ended(_END_TIMEOUT_S):
            self._process.signal(signal.SIGKILL)


class LocalMonitoring:
    """A Prometheus and an Alertmanager on loopback, with all their files in a directory.

    They outlive this object and the process that starts them; another object with the same arguments finds them again.
    The methods block: call them in a thread if an event loop runs.

    Args:
        directory: For all files of both.
        port: The port of Prometheus.
        alertmanager_port: The port of Alertmanager.
        say: Called with a message before a slow step.
    """

    def __init__(self, directory: Path, port: int, alertmanager_port: int, say: Callable[[str], None]) -> None:
        self._directory = directory.absolute()
        self._say = say
        self._prometheus = _Server(self._directory, "prometheus", port)
        self._alertmanager = _Server(self._directory, "alertmanager", alertmanager_port)

    @property
    def directory(self) -> Path:
        """The directory of their configuration, data and output."""
        return self._directory

    @property
    def url(self) -> str:
        """The address of Prometheus."""
        return self._prometheus.url

    @property
    def alertmanager_url(self) -> str:
        """The address of Alertmanager."""
        return self._alertmanager.url

    def configure(self, monitoring: Monitoring) -> None:
        """Write the configuration; `start` reads it."""
        render(self._directory, monitoring, f"{HOST}:{self._alertmanager.port}")

    def start(self) -> None:
        """Start both and wait until they answer. If that fails, what this call started is ended again.

        Raises:
            MonitoringError: If they cannot be found or downloaded, or do not become ready.
        """
        programs = ensure_programs(self._say)
        for server in (self._prometheus, self._alertmanager):
            if not is_free(server.port):
                raise MonitoringError(f"port {server.port} is taken: {server.name} needs another, or it runs already")
        try:
            data = self._directory / "data"
            # There is one Alertmanager, no cluster: it waits for no others and opens no port for them.
            self._alertmanager.start(
                programs.alertmanager, f"--storage.path={data / 'alertmanager'}", "--cluster.listen-address="
            )
            self._prometheus.start(programs.prometheus, f"--storage.tsdb.path={data / 'prometheus'}")
            for server in (self._alertmanager, self._prometheus):
                server.wait_until_ready()
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """End both and remove their files."""
        self._end()
        shutil.rmtree(self._directory, ignore_errors=True)

    def status(self) -> dict[str, bool]:
        """Whether each of the two is ready, by name."""
        return {server.name: server.is_ready() for server in (self._prometheus, self._alertmanager)}

    def _end(self) -> None:
        for server in (self._prometheus, self._alertmanager):
            server.end()
