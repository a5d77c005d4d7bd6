"""Makes topics, rights and key stores with the product's own commands, and publishes the hotels' policies."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer

from tests.chaos.errors import ChaosError
from tests.chaos.records import POLICY
from tests.chaos.workers import ROOT
from tests.chaos.workload import HotelPolicy

#: The account of the workers of a secure cluster, which has the name of its role.
WORKER_ACCOUNT = "worker"


def make_topics(servers: str, prefix: str, group: str) -> None:
    """Create missing topics; blocks.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.

    Raises:
        ChaosError: When the command fails.
    """
    _run("topics", ["apply"], servers, prefix, group)


def give_rights(servers: str, prefix: str, group: str) -> None:
    """Give the account of the workers its rights; blocks. Arguments and errors as `make_topics`."""
    _run("access", ["apply", WORKER_ACCOUNT], servers, prefix, group)


def make_key_store(file: Path, servers: str, prefix: str, group: str) -> None:
    """Make a key store in a file; blocks. Further arguments and errors as `make_topics`."""
    _run("keys", ["init"], servers, prefix, group, AUDIO_KEY_STORE=f"file://{file}")


def _run(command: str, arguments: Sequence[str], servers: str, prefix: str, group: str, **settings: str) -> None:
    """Run a command of the product: the bench uses its commands and topics only, never its code."""
    line = [sys.executable, "-P", "-m", f"scripts.commands.{command}", *arguments, "--topic-prefix", prefix]
    line += ["--group", group, "--bootstrap-servers", servers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(line, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise ChaosError(f"{command} {arguments[0]} fails: {done.stderr.strip()}")


async def publish_policies(servers: str, prefix: str, policies: Mapping[str, HotelPolicy]) -> None:
    """Publish the hotels' policies, and wait until the brokers have them."""
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for hotel, policy in policies.items():
            message = policy.message(hotel)
            await producer.send_and_wait(f"{prefix}{POLICY}", message.value, key=message.key)
