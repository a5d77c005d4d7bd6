"""Creates the product's topics with its own command, and publishes the hotels' policies."""

import os
import subprocess
import sys
from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from tests.chaos.errors import ChaosError
from tests.chaos.records import POLICY
from tests.chaos.workers import ROOT
from tests.chaos.workload import HotelPolicy


def make_topics(servers: str, prefix: str, group: str) -> None:
    """Create missing topics; blocks.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.

    Raises:
        ChaosError: When the command fails.
    """
    # The bench uses the product's commands and topics only, never its code.
    command = [sys.executable, "-P", "-m", "scripts.commands.topics", "apply", "--topic-prefix", prefix]
    command += ["--group", group, "--bootstrap-servers", servers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise ChaosError(f"the topics cannot be made: {done.stderr.strip()}")


async def publish_policies(servers: str, prefix: str, policies: Mapping[str, HotelPolicy]) -> None:
    """Publish the hotels' policies, and wait until the brokers have them."""
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for hotel, policy in policies.items():
            message = policy.message(hotel)
            await producer.send_and_wait(f"{prefix}{POLICY}", message.value, key=message.key)
