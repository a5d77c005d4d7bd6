"""The validation of running systems: a sound one, and some that are not."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from infra.kafka.ports import free_ports
from infra.monitoring.configuration import Monitoring
from schemas.headers import HOTEL_ID
from schemas.topics import COMPRESSED, DEAD_LETTER, POLICY, RAW
from schemas.validation import VALIDATION_HOTEL
from scripts.commands import final_validation
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import ROOT, Worker, running
from tests.chaos.workload import calls
from tests.support.brokers import Broker, Namespace
from tests.support.observability import observing
from tests.support.topic_settings import set_topic

_WITHIN_S = 200
_MARK = "doubled"


class Validated(NamedTuple):
    """What a validation has printed and written."""

    code: int
    printed: str
    report: dict[str, Any]

    @property
    def failed(self) -> dict[tuple[str, str], str]:
        """Details of what has failed, by check and subject."""
        found = self.report["findings"]
        return {(one["check"], one["subject"]): one["detail"] for one in found if one["status"] == "failed"}

    def checked(self, check: str) -> set[str]:
        """Subjects of a check that were checked."""
        found = self.report["findings"]
        return {one["subject"] for one in found if one["check"] == check and one["status"] != "not_checked"}


def command(broker: Broker, names: Namespace, *options: str) -> list[str]:
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", names.prefix, "--group", names.group]
    return [sys.executable, "-P", "-m", "scripts.commands.final_validation", *where, *options]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def validated(broker: Broker, names: Namespace, directory: Path, *options: str) -> Validated:
    file = directory / "report.json"
    done = await asyncio.to_thread(
        subprocess.run,
        command(broker, names, "--json", str(file), *options),
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Validated(done.returncode, done.stdout, json.loads(file.read_text()))


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)


def worker_of(broker: Broker, names: Namespace, directory: Path, **settings: str) -> Worker:
    return Worker(broker.bootstrap_servers, names.prefix, names.group, directory, **settings)


@contextmanager
def observed(workers: list[Worker], directory: Path) -> Iterator[tuple[str, str]]:
    """Prometheus and Alertmanager with our rules; their addresses."""
    endpoints = [f"127.0.0.1:{worker.port}" for worker in workers]
    with observing(directory, Monitoring(endpoints, 1, "1s", "1s", "2s")) as seen:
        port = int(seen.url.rpartition(":")[2])
        yield seen.url, f"http://127.0.0.1:{port + 1}"


async def test_a_sound_system_passes_and_one_that_is_damaged_does_not(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None
) -> None:
    workers = [worker_of(broker, namespace, tmp_path / name) for name in ("first", "second")]
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    monitoring = tmp_path / "monitoring"
    with running(*workers), observed(workers, monitoring) as (prometheus, alertmanager):
        urls = [part for one in workers for part in ("--worker-url", f"http://127.0.0.1:{one.port}")]
        servers = ["--prometheus-url", prometheus, "--alertmanager-url", alertmanager]
        traffic = asyncio.create_task(oracle.send(calls(100, seed=5), per_second=20))
        sound = await validated(broker, namespace, tmp_path, *urls, *servers, "--workers", "2", "--timeout", "60")
        await traffic
        ours = await hotels_by_topic(broker, namespace, validation=True)
        others = await hotels_by_topic(broker, namespace, validation=False)

        workers[1].stop()
        await asyncio.to_thread(remove_rules, monitoring, prometheus)
        await set_topic(broker.bootstrap_servers, f"{namespace.prefix}{POLICY}", max_message_bytes="1000000")
        damaged = await validated(broker, namespace, tmp_path, *urls, *servers, "--workers", "2", "--timeout", "12")
    assert sound.failed == {}
    assert sound.code == 0, sound.printed
    assert max(len(line) for line in sound.printed.splitlines()) <= 80
    assert sound.checked("file") == {"audio/ogg", "audio/flac", "audio/mpeg", "audio/wav"}
    assert len(sound.checked("call")) == 14
    assert sound.checked("Prometheus") == {"configuration", "rules", "targets", "alerts", "Alertmanager"}
    assert sound.checked("Grafana") == sound.checked("TLS") == set()
    both = {f"{namespace.prefix}{name}" for name in (COMPRESSED, DEAD_LETTER)}
    assert ours == {topic: {VALIDATION_HOTEL.encode()} for topic in both}, (
        "consumers can tell all of them, and no policy is set"
    )
    assert others.keys() == both
    assert all(VALIDATION_HOTEL.encode() not in hotels for hotels in others.values())
    assert_damaged(damaged, workers[1].port, namespace)


def remove_rules(directory: Path, prometheus: str) -> None:
    """Remove the rules about lag, and wait until Prometheus has none of them."""
    (directory / "lag.rules.yml").unlink()
    os.kill(int((directory / "prometheus.pid").read_text().split()[0]), signal.SIGHUP)
    until = time.monotonic() + 30
    while "AudioNoProgress" in urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=10).read().decode():  # noqa: S310
        assert time.monotonic() < until
        time.sleep(0.1)


def assert_damaged(found: Validated, port: int, names: Namespace) -> None:
    assert found.code == 1
    assert found.failed[("worker", f"127.0.0.1:{port}")] == "does not answer (Connection refused)"
    assert found.failed[("Prometheus", "rules")].startswith("not loaded: AudioInputsExpired, AudioLagBurnsFast, ")
    assert found.failed[("Prometheus", "targets")].startswith(f"not up: 127.0.0.1:{port} (")
    assert "max.message.bytes=1000000" in found.failed[("topic", f"{names.prefix}{POLICY}")]
    assert "-> " in found.printed
    others = {check for check, _ in found.failed} - {"worker", "group", "Prometheus", "topic"}
    assert others == set(), "the worker that is left serves all partitions as soon as the group knows"


async def test_without_a_worker_no_call_passes(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None
) -> None:
    found = await validated(broker, namespace, tmp_path, "--timeout", "10")
    assert found.code == 1
    assert found.failed[("group", "members")] == "0 members and at least 1 worker"
    assert found.failed[("group", "owners")].startswith(f"partitions without an owner: {namespace.prefix}{RAW}-0, ")
    assert "has no outcome" in found.failed[("call", "audio/GSM")]
    assert found.checked("worker") == found.checked("file") == set()


async def test_a_worker_that_refuses_many_calls_and_results_that_come_twice_fail(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None
) -> None:
    worker = worker_of(broker, namespace, tmp_path / "worker", AUDIO_MAX_RECORD_SIZE="3000")
    with running(worker):
        doubling = asyncio.create_task(double_results(broker, namespace))
        found = await validated(broker, namespace, tmp_path)
        doubling.cancel()
        await asyncio.wait([doubling])
    assert found.code == 1
    assert "was refused: ValueTooLarge" in found.failed[("call", "audio/L16")]
    assert "was refused: ValueTooLarge" in found.failed[("call", "audio/wav")]
    assert found.failed[("call", "audio/GSM")].count("has 2 outcomes") == 2
    assert ("call", "damaged file") not in found.failed, "it is small enough, and its dead letter comes once"


async def double_results(broker: Broker, names: Namespace) -> None:
    """Write each result a second time."""
    topic = f"{names.prefix}{COMPRESSED}"
    async with (
        AIOKafkaConsumer(
            topic, bootstrap_servers=broker.bootstrap_servers, isolation_level="read_committed", fetch_max_wait_ms=50
        ) as consumer,
        AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer,
    ):
        async for one in consumer:
            if _MARK not in dict(one.headers):
                headers = [*one.headers, (_MARK, b"1")]
                await producer.send_and_wait(topic, one.value, one.key, one.partition, headers=headers)


async def hotels_by_topic(broker: Broker, names: Namespace, *, validation: bool) -> dict[str, set[bytes | None]]:
    """Hotel ids of the outcomes and policies of the validation's calls, or of all others."""
    topics = [f"{names.prefix}{name}" for name in (COMPRESSED, DEAD_LETTER, POLICY)]
    found: dict[str, set[bytes | None]] = {}
    async with AIOKafkaConsumer(
        *topics, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for one in batch:
                    if (one.key or b"").startswith(VALIDATION_HOTEL.encode()) is validation:
                        found.setdefault(one.topic, set()).add(dict(one.headers).get(HOTEL_ID))
    return found


async def test_without_brokers_it_ends_soon_and_says_so(namespace: Namespace, tmp_path: Path) -> None:
    nowhere = Broker(f"127.0.0.1:{free_ports(1)}", "given")
    began = time.monotonic()
    found = await validated(nowhere, namespace, tmp_path, "--timeout", "5")
    assert time.monotonic() - began < 60
    assert found.code == 1
    assert found.failed == {("brokers", nowhere.bootstrap_servers): "no broker answers"}
    assert found.report["passed"] == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--worker-url", "127.0.0.1:8080"],
        ["--timeout", "0"],
        ["--workers", "0"],
        ["--ca-file", "missing.pem"],
        ["--ca-file", __file__],
    ],
)
def test_wrong_usage_is_told_with_code_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        final_validation.main(options)
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_ends_it_at_once(
    number: signal.Signals, broker: Broker, namespace: Namespace, topics: None
) -> None:
    started = start(command(broker, namespace, "--timeout", "300"))
    assert started.stderr is not None
    assert "sends calls" in await asyncio.to_thread(started.stderr.readline)
    await asyncio.sleep(0.5)
    started.send_signal(number)
    _, errors = await asyncio.to_thread(started.communicate, timeout=30)
    assert (started.returncode, errors) == (130, "")
