"""scripts/kafka, run as its users run it, on free ports."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.kafka.broker import Broker
from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports

_COMMAND = Path(__file__).parents[2] / "scripts" / "kafka"


@dataclass(frozen=True, slots=True)
class Kafka:
    """The command, with a run directory of its own."""

    run_dir: Path

    def __call__(self, action: str, port: int, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(_COMMAND), action, "--port", str(port), *options],
            cwd=self.run_dir,
            env={**os.environ, "AUDIO_RUN_DIR": str(self.run_dir)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def found(self, port: int) -> LocalCluster:
        cluster = LocalCluster.found(self.run_dir / f"kafka-{port}")
        assert cluster is not None
        return cluster


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    yield Kafka(tmp_path)
    for directory in tmp_path.glob("kafka-*/"):
        cluster = LocalCluster.found(directory)
        if cluster is not None:
            cluster.stop()


def _wait_until_ended(pid: int | None) -> None:
    assert pid is not None
    deadline = time.monotonic() + 10
    # A dead process whose parent has not read its exit status yet (a zombie) counts as dead.
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def _write(bootstrap_servers: str, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await producer.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()
        await admin.close()


async def _read(bootstrap_servers: str, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        value = (await consumer.getone()).value
        assert isinstance(value, bytes)
        return value
    finally:
        await consumer.stop()


def test_up_prints_one_line_and_again_when_it_already_runs(kafka: Kafka) -> None:
    port = free_ports(1)
    expected = f"KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:{port}\n"

    first = kafka("up", port)
    assert (first.returncode, first.stdout) == (0, expected), first.stderr
    pids = [node.pid for node in kafka.found(port).status()]
    second = kafka("up", port)
    assert (second.returncode, second.stdout) == (0, expected), second.stderr
    assert [node.pid for node in kafka.found(port).status()] == pids
    status = kafka("status", port)
    assert (status.returncode, status.stdout) == (0, expected)

    other_size = kafka("up", port, "--brokers", "3")
    assert other_size.returncode == 1
    assert other_size.stdout == ""
    assert f"scripts/kafka down --port {port}" in other_size.stderr


def test_down_ends_what_was_started_and_removes_the_data(kafka: Kafka) -> None:
    port = free_ports(1)
    kafka("up", port)
    (node,) = kafka.found(port).status()
    assert node.pid is not None

    down = kafka("down", port)
    assert down.returncode == 0
    assert "data is removed" in down.stderr
    _wait_until_ended(node.pid)
    assert not (kafka.run_dir / f"kafka-{port}").exists()
    assert kafka("status", port).returncode == 1
    assert kafka("down", port).returncode == 0


def test_three_brokers_take_adjacent_ports_beside_another_instance(kafka: Kafka) -> None:
    three, one = free_ports(3), free_ports(1)
    assert kafka("up", one).returncode == 0
    up = kafka("up", three, "--brokers", "3")
    servers = ",".join(f"127.0.0.1:{three + offset}" for offset in range(3))
    assert up.stdout == f"KAFKA_BOOTSTRAP_SERVERS={servers}\n", up.stderr

    assert kafka("down", three).returncode == 0
    assert kafka("status", one).returncode == 0, "the other instance must survive"


def test_a_taken_port_is_named(kafka: Kafka) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = kafka("up", port)
        assert up.returncode == 1
        assert up.stdout == ""
        assert f"port {port} is taken" in up.stderr
    assert kafka("status", port).returncode == 1


async def test_killed_brokers_come_back_with_their_data(kafka: Kafka) -> None:
    port = free_ports(1)
    servers = f"127.0.0.1:{port}"
    assert (await asyncio.to_thread(kafka, "up", port)).returncode == 0
    await _write(servers, "kept", b"written before")

    cluster = kafka.found(port)
    (node,) = cluster.status()
    cluster.kill(1, signal.SIGKILL)
    await asyncio.to_thread(_wait_until_ended, node.pid)
    assert (await asyncio.to_thread(kafka, "status", port)).returncode == 1

    assert (await asyncio.to_thread(kafka, "up", port)).returncode == 0
    assert await _read(servers, "kept") == b"written before"


def test_a_process_that_inherited_a_dead_brokers_pid_is_left_alone(tmp_path: Path) -> None:
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "pid").write_text(str(innocent.pid))
        broker = Broker(tmp_path, node=1, port=free_ports(1))
        assert broker.pid() is None
        broker.signal(signal.SIGKILL)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()
