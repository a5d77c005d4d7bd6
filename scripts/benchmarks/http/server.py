"""The API process of the bench, with API keys, and those who ask it: each has an address and a key of its own."""

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
    """One API process.

    Args:
        cluster: The brokers and the topics.
        directory: For its state, its keys and its log.
        keys: Whether it takes API keys, and not anybody on this machine.

    Attributes:
        url: Where it answers.
    """

    def __init__(self, cluster: Cluster, directory: Path, *, keys: bool = True) -> None:
        self._state = directory / "state"
        made = [
            new_key(f"caller-{number}", Role.SENDER, None, now=datetime.now(UTC), lifetime=timedelta(days=1))
            for number in range(CALLERS)
        ]
        (directory / "keys.json").write_bytes(ApiKeys(key for _, key in made).to_json())
        self._credentials = [{"Authorization": f"Bearer {text}"} for text, _ in made]
        port = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._cluster = cluster
        self._client = Client(port)
        locked = {"AUDIO_API_KEYS_FILE": str(directory / "keys.json"), "AUDIO_API_KEY_RATE": str(_KEY_RATE)}
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
                **(locked if keys else {}),
            },
            directory / "api.log",
        )

    def topic(self, logical: str) -> str:
        """Full name of a topic."""
        return topic(logical).resolve(self._cluster.prefix, self._cluster.group)

    def producer(self, **options: str) -> AIOKafkaProducer:
        """A producer of what the API reads."""
        return self._cluster.connection.producer(acks="all", enable_idempotence=True, **options)

    async def start(self) -> tuple[float, float]:
        """Start it; the seconds from its first answer until it has read the topics, and its processor time in them."""
        self._process.start()
        deadline = time.monotonic() + _READY_WITHIN
        answered: tuple[float, float] | None = None
        while (answer := await self._client.ask("127.0.0.1", "GET", "/health/ready", {})).status != 200:  # noqa: PLR2004
            if answer.status and answered is None:
                answered = time.monotonic(), self.cpu()
            self._process.require_alive()
            if time.monotonic() > deadline:
                raise self._process.error("is not ready")
            await asyncio.sleep(_LOOK)
        since, cpu = answered or (time.monotonic(), self.cpu())
        return time.monotonic() - since, self.cpu() - cpu

    async def stop(self) -> None:
        """Stop it."""
        self._client.close()
        await asyncio.to_thread(self._process.stop)

    def forget_index(self) -> None:
        """Remove the index of a process that is stopped."""
        shutil.rmtree(self._state / "api")

    async def ask(
        self, number: int, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Ask, as one of the callers.

        Args:
            number: The request's; callers take turns.
            method: HTTP's.
            target: Path and query.
            headers: Further headers.
            body: What is sent.
        """
        caller = number % CALLERS
        address = f"127.0.1.{caller + 1}"
        return await self._client.ask(address, method, target, self._credentials[caller] | (headers or {}), body)

    def cpu(self) -> float:
        """Processor time of the process so far, in seconds."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def resident(self) -> int:
        """Bytes of the process in memory."""
        return int(psutil.Process(self._process.pid).memory_info().rss)
