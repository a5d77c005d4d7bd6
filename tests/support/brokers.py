"""A genuine Kafka for tests: a given one, one in a container, or one from Kafka's own jars."""

import asyncio
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from docker.errors import (  # type: ignore[import-untyped]  # docker ships no types
    APIError,
    DockerException,
    ImageNotFound,
    NotFound,
)
from requests.exceptions import RequestException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from infra.kafka.cluster import LocalCluster
from infra.kafka.errors import LocalKafkaError
from infra.kafka.image import image_name, write_context
from infra.kafka.ports import free_ports
from infra.kafka.readiness import wait_until_ready

_READY_TIMEOUT_S = 90.0
_REMOVED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Broker:
    """A Kafka for tests, and its origin."""

    bootstrap_servers: str
    origin: Literal["given", "testcontainers", "jars"]
    container: str | None = None  # its id


@dataclass(frozen=True, slots=True)
class ThreeBrokers:
    """Three brokers that a test may kill and restart one by one."""

    bootstrap_servers: str
    cluster: LocalCluster


@dataclass(frozen=True, slots=True)
class Namespace:
    """Names that no other test uses: a prefix for every topic, and the consumer group."""

    prefix: str
    group: str


def docker_answers() -> bool:
    """Tell whether a container engine answers the Docker API."""
    try:
        client = DockerClient().client
    except (DockerException, RequestException):
        return False
    try:
        return bool(client.ping())
    except (DockerException, RequestException):
        return False
    finally:
        client.close()


def start_any_broker(directory: Path) -> Broker:
    """Return the first available Kafka: KAFKA_BOOTSTRAP_SERVERS, a container, or the jars.

    It outlives this process: stop the cluster in the directory, or remove the container.
    """
    return _given() or _in_container() or _from_jars(directory)


def remove_container(identity: str) -> None:
    """Stop and remove a container with its volumes. On a busy machine, an engine may not do it at once."""
    container = DockerClient().client.containers.get(identity)
    end = time.monotonic() + _REMOVED_WITHIN_S
    while True:
        try:
            container.remove(force=True, v=True)
        except NotFound:  # an attempt that was answered with an error has gone on
            return
        except APIError:
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return


def _given() -> Broker | None:
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    return Broker(servers, "given") if servers else None


def _in_container() -> Broker | None:
    if not docker_answers():
        return None
    # testcontainers' own cleaner would end the container soon after this process.
    testcontainers_config.ryuk_disabled = True
    try:
        container, broker = _container_and_broker()
        _start(container, broker)
    except (DockerException, LocalKafkaError) as error:
        warnings.warn(f"a container engine answers but gives no Kafka, using the jars: {error}", stacklevel=2)
        return None
    return replace(broker, container=container.get_wrapped_container().id)


def _from_jars(directory: Path) -> Broker:
    cluster = LocalCluster(directory, 1, free_ports(1))
    cluster.start()
    return Broker(cluster.bootstrap_servers, "jars")


@contextmanager
def broker_from_jars(directory: Path) -> Iterator[Broker]:
    """Start one broker on a free port, from Kafka's jars."""
    with _running(LocalCluster(directory, 1, free_ports(1))) as cluster:
        yield Broker(cluster.bootstrap_servers, "jars")


@contextmanager
def broker_in_container() -> Iterator[Broker]:
    """Start one broker in a container of the image in infra/kafka, built when its content has changed."""
    container, broker = _container_and_broker()
    _start(container, broker)
    try:
        yield broker
    finally:
        container.stop()


def _container_and_broker() -> tuple[DockerContainer, Broker]:
    """A container of the image in infra/kafka, built when its content has changed, not started yet."""
    name = image_name()
    _build_image(name)
    port = free_ports(1)
    container = DockerContainer(name).with_bind_ports(port, port).with_env("PORT", str(port))
    container.with_env("KAFKA_HEAP_OPTS", "-Xmx1g")  # the tests of a session make tens of thousands of partitions
    # If the engine's base images were unpacked locally, other users may have no access to their root directory.
    container.with_kwargs(user="0:0")
    host = container.get_container_host_ip()
    container.with_env("ADVERTISED_HOST", host)
    return container, Broker(f"{host}:{port}", "testcontainers")


def _start(container: DockerContainer, broker: Broker) -> None:
    """Start a container and wait until its broker is ready; after a failure, the container is removed."""
    try:
        container.start()
        asyncio.run(wait_until_ready({"bootstrap_servers": broker.bootstrap_servers}, 1, _READY_TIMEOUT_S))
    except LocalKafkaError as error:
        output = b"".join(container.get_logs()).decode(errors="replace")
        container.stop()
        raise LocalKafkaError(f"{error}; the container's output ends:\n{output[-3000:]}") from error
    except BaseException:
        container.stop()
        raise


@contextmanager
def _running(cluster: LocalCluster) -> Iterator[LocalCluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _build_image(name: str) -> None:
    images = DockerClient().client.images
    try:
        images.get(name)
    except ImageNotFound:
        with tempfile.TemporaryDirectory() as context:
            write_context(Path(context))
            # The Dockerfile only copies, so that engines without the right to run build steps can build it too.
            images.build(path=context, tag=name, rm=True)
