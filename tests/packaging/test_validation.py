"""A validation from a machine that has nothing but what a client installs."""

from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.installed import Installed

pytestmark = pytest.mark.xdist_group("wheels")


async def test_a_running_system_is_validated_without_any_codec(
    client: Installed, broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "AUDIO_TOPIC_PREFIX": namespace.prefix,
        "AUDIO_GROUP": namespace.group,
    }
    with running(worker):
        url = f"http://127.0.0.1:{worker.port}"
        done = client.run(client.command, "final_validation", "--worker-url", url, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "files, right length" in done.stdout, "there is no decoder"
    assert "checks passed (100%), 6 not checked" in done.stdout, "five files, and no HTTP API is named"
