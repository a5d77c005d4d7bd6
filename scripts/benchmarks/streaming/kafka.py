"""Kafka for a bench: a cluster of its own, and topics of its own for every run."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from schemas.topics import RAW, topic
from scripts.benchmarks.streaming.partitioning import partitioned
from scripts.commands._cli import Cluster
from scripts.demonstration.surroundings import remove_topics
from streams.topics import apply_topics

PARTITIONS = topic(RAW).partitions
"""Of the product's topics, unless a bench asks for others."""


@contextmanager
def running_cluster(directory: Path, brokers: int, say: Callable[[str], None]) -> Iterator[str]:
    """Start a Kafka from its jars, and end it afterwards.

    Args:
        directory: For everything it owns.
        brokers: 1 or 3.
        say: Told what takes long.

    Yields:
        Its bootstrap servers.

    Raises:
        LocalKafkaError: If it does not come up.
    """
    cluster = LocalCluster(directory, brokers, free_ports(brokers), say)
    try:
        cluster.start()
        yield cluster.bootstrap_servers
    finally:
        cluster.stop()


@contextmanager
def fresh_topics(bootstrap_servers: str, say: Callable[[str], None], partitions: int = PARTITIONS) -> Iterator[Cluster]:
    """Make all of the product's topics under a prefix that nobody has used, and remove them afterwards.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        say: Told if they cannot be removed.
        partitions: Of each.

    Yields:
        The topics' names, and a consumer group as new as they are.
    """
    name = f"bench-{secrets.token_hex(4)}"
    cluster = Cluster(bootstrap_servers, f"{name}.", name)
    with partitioned(partitions):
        asyncio.run(apply_topics(bootstrap_servers, cluster.prefix, cluster.group))
    try:
        yield cluster
    finally:
        remove_topics(cluster, say)
