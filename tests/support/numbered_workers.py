"""Workers that know their ordinals, and read how many of them are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.workers import Worker
from tests.support.brokers import Broker, Namespace


@contextmanager
def numbered_workers(
    broker: Broker, namespace: Namespace, directory: Path, replicas: Path, number: int, **settings: str
) -> Iterator[list[Worker]]:
    """Workers, not yet started; they are killed at the end.

    Args:
        broker: Their Kafka.
        namespace: Their topics and group.
        directory: For their states and logs.
        replicas: The file in which they read how many of them are wanted.
        number: How many there are.
        settings: Further environment variables.
    """
    workers = [
        Worker(
            broker.bootstrap_servers,
            namespace.prefix,
            namespace.group,
            directory / str(ordinal),
            AUDIO_ORDINAL=str(ordinal),
            AUDIO_REPLICAS_FROM=str(replicas),
            **settings,
        )
        for ordinal in range(number)
    ]
    yield workers
    for worker in workers:
        if worker.starts and worker.alive:
            worker.kill()
