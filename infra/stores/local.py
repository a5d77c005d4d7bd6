"""Local instances of S3Proxy: addresses of one bucket, whose objects lie in a directory."""

import json
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.kafka.errors import LocalKafkaError
from infra.kafka.jars import ensure_jars, silent
from infra.kafka.ports import HOST, accepts, require_free
from infra.locks import locked_directory
from infra.process import DetachedProcess
from infra.secret_files import write_secret

BUCKET, REGION = "hotel-audio", "us-east-1"
_POM = Path(__file__).with_name("pom.xml")
_LOGGING = Path(__file__).with_name("logback.xml")
_OPTIONS = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
_PROGRAM = "org.gaul.s3proxy.Main"
_START_TIMEOUT_S, _END_TIMEOUT_S, _POLL_S = 60.0, 10.0, 0.05
_STATE = "stores.json"


class LocalStoresError(Exception):
    """Local stores could not be set up, started or reached. The message tells what to change."""


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """The state of one instance.

    Attributes:
        port: Its port.
        pid: Its process, or None if it does not run.
        accepts: Whether it accepts connections.
    """

    port: int
    pid: int | None
    accepts: bool


class LocalStores:
    """Instances of S3Proxy on adjacent loopback ports; they outlive the process that starts them.

    Args:
        directory: For objects, configuration and logs.
        count: Number of instances.
        port: The first instance's port.
        report: Called with a message before a slow step.
    """

    def __init__(self, directory: Path, count: int, port: int, report: Callable[[str], None] = silent) -> None:
        self._directory = directory.resolve()
        self._state = _State.read(self._directory) or _State.create(count, port)
        self._report = report
        self._processes = [self._made(index) for index in range(self._state.count)]
        if (self._state.count, self._state.port) != (count, port):
            raise LocalStoresError(
                f"{self._directory} holds {self._state.count} stores on port {self._state.port}: stop those first"
            )

    @classmethod
    def found(cls, directory: Path, report: Callable[[str], None] = silent) -> "LocalStores | None":
        """Return the stores that were started in a directory, or None."""
        state = _State.read(directory.resolve())
        return None if state is None else cls(directory, state.count, state.port, report)

    @property
    def endpoints(self) -> list[str]:
        """The URLs of the instances."""
        return [f"http://{HOST}:{port}" for port in self._state.ports]

    @property
    def uri(self) -> str:
        """The bucket with its endpoints, as AUDIO_STORES has it."""
        endpoints = "&".join(f"endpoint={url}" for url in self.endpoints)
        return f"s3://{BUCKET}?{endpoints}&region={REGION}"

    @property
    def access_key(self) -> str:
        """The account's name."""
        return self._state.access_key

    @property
    def secret_key(self) -> str:
        """The account's secret key."""
        return self._state.secret_key

    def start(self) -> None:
        """Start the instances that do not run, and wait until all accept connections.

        Raises:
            LocalStoresError: If one cannot be started.
        """
        with locked_directory(self._directory):
            self._bucket.mkdir(parents=True, exist_ok=True)
            self._state.write(self._directory)
            idle = [index for index in range(self._state.count) if self.pid(index) is None]
            try:
                for index in idle:
                    require_free(self._state.ports[index])
                    self._launch(index)
                for index in range(self._state.count):
                    self._wait_until_accepting(index)
            except BaseException:
                for index in idle:
                    self.kill(index)
                raise

    def stop(self) -> None:
        """Kill all instances and remove the objects."""
        with locked_directory(self._directory):
            for index in range(self._state.count):
                self.kill(index)
            shutil.rmtree(self._directory, ignore_errors=True)

    def status(self) -> list[InstanceStatus]:
        """The state of every instance."""
        ports = enumerate(self._state.ports)
        return [
            InstanceStatus(port, pid := self.pid(index), pid is not None and accepts(port)) for index, port in ports
        ]

    def pid(self, index: int) -> int | None:
        """Return the process id of one instance, or None if it does not run."""
        return self._processes[index].pid()

    def kill(self, index: int) -> None:
        """Kill one instance at once, and wait until it has ended.

        Raises:
            LocalStoresError: If it does not end.
        """
        process = self._processes[index]
        process.signal(signal.SIGKILL)
        if not process.wait_until_ended(_END_TIMEOUT_S):
            raise LocalStoresError(f"the store on port {self._state.ports[index]} does not end")

    def freeze(self, index: int) -> None:
        """Stop one instance's process without ending it: it accepts connections, and answers nothing."""
        self._processes[index].signal(signal.SIGSTOP)

    def thaw(self, index: int) -> None:
        """Let a frozen instance go on."""
        self._processes[index].signal(signal.SIGCONT)

    def restart(self, index: int) -> None:
        """Start one instance again after `kill`, and wait until it accepts connections.

        Raises:
            LocalStoresError: If it does not.
        """
        self._launch(index)
        self._wait_until_accepting(index)

    @property
    def _bucket(self) -> Path:
        return self._directory / "data" / BUCKET

    def _properties(self, index: int) -> Path:
        return self._directory / f"instance-{index}.properties"

    def _made(self, index: int) -> DetachedProcess:
        own = self._directory / f"instance-{index}"
        return DetachedProcess(own.with_suffix(".pid"), own.with_suffix(".log"), [str(self._properties(index))])

    def _launch(self, index: int) -> None:
        java = shutil.which("java")
        if java is None:
            raise LocalStoresError("Java is not installed; the local stores need version 17 or newer")
        try:
            jars = ensure_jars(self._report, _POM)
        except LocalKafkaError as error:
            raise LocalStoresError(str(error)) from None
        self._report(f"starting the store on port {self._state.ports[index]}")
        write_secret(self._properties(index), self._configuration(index).encode())
        command = [
            java,
            *_OPTIONS,
            f"-Dlogback.configurationFile={_LOGGING}",
            "-cp",
            f"{jars}/*",
            _PROGRAM,
            "--properties",
            str(self._properties(index)),
        ]
        self._processes[index].start(command)

    def _configuration(self, index: int) -> str:
        settings = {
            "s3proxy.endpoint": self.endpoints[index],
            "s3proxy.authorization": "aws-v2-or-v4",
            "s3proxy.identity": self.access_key,
            "s3proxy.credential": self.secret_key,
            "jclouds.provider": "filesystem-nio2",
            "jclouds.identity": "unused",  # it must have a value, although files have no accounts
            "jclouds.credential": "unused",
            "jclouds.filesystem.basedir": str(self._bucket.parent),
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _wait_until_accepting(self, index: int) -> None:
        port = self._state.ports[index]
        process = self._processes[index]
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not accepts(port):
            if process.pid() is None:
                raise LocalStoresError(f"the store on port {port} ended while starting:\n{process.log_tail()}")
            if time.monotonic() > deadline:
                raise LocalStoresError(f"the store on port {port} was not up in time:\n{process.log_tail()}")
            time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class _State:
    """The values that must not change while instances run."""

    count: int
    port: int
    access_key: str
    secret_key: str

    @property
    def ports(self) -> list[int]:
        return list(range(self.port, self.port + self.count))

    @classmethod
    def create(cls, count: int, port: int) -> "_State":
        return cls(count, port, f"local-{secrets.token_hex(4)}", secrets.token_hex(20))

    @classmethod
    def read(cls, directory: Path) -> "_State | None":
        try:
            return cls(**json.loads((directory / _STATE).read_text()))
        except FileNotFoundError:
            return None

    def write(self, directory: Path) -> None:
        write_secret(directory / _STATE, json.dumps(asdict(self)).encode())
