"""A Kafka cluster for a benchmark, and new topics for every run."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.streaming.partitioning import partitioned
from scripts.cli import Cluster
from scripts.demonstration.environment import remove_topics
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics

PARTITIONS = 8
"""Number of partitions of the product's topics in `schemas/topics.yaml`, unless a bench sets another one."""

_LEADERS_S = 30.0
_ANSWER_S = 5.0
_LOOK_S = 0.1


@contextmanager
def running_cluster(directory: Path, brokers: int, say: Callable[[str], None]) -> Iterator[str]:
    """Start a Kafka from its jars; it is stopped at the end of the context.

    Args:
        directory: Directory for its files.
        brokers: 1 or 3.
        say: Called with a line before slow steps.

    Yields:
        Its bootstrap servers.

    Raises:
        LocalKafkaError: If it does not start.
    """
    cluster = LocalCluster(directory, brokers, free_ports(brokers), say)
    try:
        cluster.start()
        yield cluster.bootstrap_servers
    finally:
        cluster.stop()


@contextmanager
def fresh_topics(bootstrap_servers: str, say: Callable[[str], None], partitions: int = PARTITIONS) -> Iterator[Cluster]:
    """Create the product's topics under a new prefix; they are removed at the end of the context.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        say: Called with a line if they cannot be removed.
        partitions: Number of partitions of each topic.

    Yields:
        The topics' names, and a new consumer group.
    """
    name = f"bench-{secrets.token_hex(4)}"
    cluster = Cluster(KafkaConnection(bootstrap_servers), f"{name}.", name)
    with partitioned(partitions):
        asyncio.run(apply_topics(cluster.connection, cluster.prefix, cluster.group))
    try:
        _wait_for_leaders(cluster, partitions)
        yield cluster
    finally:
        remove_topics(cluster, say)


def _wait_for_leaders(cluster: Cluster, partitions: int) -> None:
    """Wait until every partition's leader knows that it is one.

    Until then it refuses batches. If librdkafka has several batches in flight, the refused first one is sent again
    after the second; the broker takes it for a duplicate, and it is lost.

    Raises:
        KafkaException: If they take too long.
    """
    until = time.monotonic() + _LEADERS_S
    with closing(Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": cluster.group})) as consumer:
        for name in (RAW, COMPRESSED):
            for number in range(partitions):
                partition = TopicPartition(cluster.topic(name), number)
                while not _answers(consumer, partition, last=time.monotonic() > until):
                    time.sleep(_LOOK_S)


def _answers(consumer: Consumer, partition: TopicPartition, *, last: bool) -> bool:
    try:
        consumer.get_watermark_offsets(partition, _ANSWER_S)
    except KafkaException:
        if last:
            raise
        return False
    return True
