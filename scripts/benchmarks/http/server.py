"""The API processes of the bench, with API keys, and those who ask them: each has an address and a key of its own."""

import asyncio
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from aiokafka import AIOKafkaProducer

from infra.kafka.ports import free_ports
from schemas.topics import topic
from scripts.benchmarks.http.client import Answer, Client
from scripts.cli import Cluster
from scripts.commands import api
from scripts.processes.module_process import ModuleProcess
from streams.security.api_keys import ApiKeys, new_key
from streams.security.roles import Role

#: Addresses of this machine, each with an API key: without one, an address has ten requests a second.
CALLERS = 200
#: Of all keys together, far more than the machine can answer: what is measured is the process, not the limit.
_KEY_RATE = 1000
_READY_WITHIN = 120.0  # seconds
_LOOK = 0.02


class Server:
    """API processes side by side, each with a state directory of its own.

    Args:
        cluster: The brokers and the topics.
        directory: For their state, their keys and their logs.
        processes: Their number.
        keys: Whether they take API keys, and not anybody on this machine.
    """

    def __init__(self, cluster: Cluster, directory: Path, processes: int = 1, *, keys: bool = True) -> None:
        made = [
            new_key(f"caller-{number}", Role.SENDER, None, now=datetime.now(UTC), lifetime=timedelta(days=1))
            for number in range(CALLERS)
        ]
        (directory / "keys.json").write_bytes(ApiKeys(key for _, key in made).to_json())
        self._credentials = [{"Authorization": f"Bearer {text}"} for text, _ in made]
        self._cluster = cluster
        locked = {"AUDIO_API_KEYS_FILE": str(directory / "keys.json"), "AUDIO_API_KEY_RATE": str(_KEY_RATE)}
        access = locked if keys else {}
        self._processes = [_Process(cluster, directory, number, access) for number in range(processes)]

    @property
    def url(self) -> str:
        """Where the first of them answers."""
        return self._processes[0].url

    @property
    def size(self) -> int:
        """The number of processes."""
        return len(self._processes)

    def topic(self, logical: str) -> str:
        """Full name of a topic."""
        return topic(logical).resolve(self._cluster.prefix, self._cluster.group)

    def producer(self, **options: str) -> AIOKafkaProducer:
        """A producer of what the API reads."""
        return self._cluster.connection.producer(acks="all", enable_idempotence=True, **options)

    async def start(self) -> tuple[float, float]:
        """Start them.

        Returns:
            Of the slowest, the seconds from its first answer until it has read the topics, and its processor time.
        """
        return max(await asyncio.gather(*(one.start() for one in self._processes)))

    async def stop(self) -> None:
        """Stop them."""
        await asyncio.gather(*(one.stop() for one in self._processes))

    def forget_index(self) -> None:
        """Remove the indexes of processes that are stopped."""
        for one in self._processes:
            one.forget_index()

    async def ask(
        self,
        number: int,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        process: int | None = None,
    ) -> Answer:
        """Ask, as one of the callers.

        Args:
            number: The request's; callers and processes take turns.
            method: HTTP's.
            target: Path and query.
            headers: Further headers.
            body: What is sent.
            process: The number of the process that is asked.
        """
        caller = number % CALLERS
        client = self._processes[(number if process is None else process) % self.size].client
        return await client.ask(
            f"127.0.1.{caller + 1}", method, target, self._credentials[caller] | (headers or {}), body
        )

    def cpu(self) -> float:
        """Processor time of the processes so far, in seconds."""
        return sum(one.cpu() for one in self._processes)

    def resident(self) -> int:
        """Bytes in memory of the process that has most."""
        return max(one.resident() for one in self._processes)


class _Process:
    """One API process, and who asks it."""

    def __init__(self, cluster: Cluster, directory: Path, number: int, access: dict[str, str]) -> None:
        self._state = directory / f"state-{number}"
        port = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.client = Client(port)
        self._process = ModuleProcess(
            api.__name__,
            {
                "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
                "AUDIO_TOPIC_PREFIX": cluster.prefix,
                "AUDIO_GROUP": cluster.group,
                "AUDIO_STATE_DIR": str(self._state),
                "AUDIO_STORES": (directory / "objects").absolute().as_uri(),
                "AUDIO_API_PORT": str(port),
                "AUDIO_HTTP_HOST": "127.0.0.1",
                **access,
            },
            directory / f"api-{number}.log",
        )

    async def start(self) -> tuple[float, float]:
        self._process.start()
        deadline = time.monotonic() + _READY_WITHIN
        answered: tuple[float, float] | None = None
        while (answer := await self.client.ask("127.0.0.1", "GET", "/health/ready", {})).status != 200:  # noqa: PLR2004
            if answer.status and answered is None:
                answered = time.monotonic(), self.cpu()
            self._process.require_alive()
            if time.monotonic() > deadline:
                raise self._process.error("is not ready")
            await asyncio.sleep(_LOOK)
        since, cpu = answered or (time.monotonic(), self.cpu())
        return time.monotonic() - since, self.cpu() - cpu

    async def stop(self) -> None:
        self.client.close()
        await asyncio.to_thread(self._process.stop)

    def forget_index(self) -> None:
        shutil.rmtree(self._state / "api")

    def cpu(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def resident(self) -> int:
        return int(psutil.Process(self._process.pid).memory_info().rss)
