"""From a real condition to the operator, through Kafka, workers, Prometheus, Alertmanager and a webhook."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infra.monitoring.configuration import Monitoring
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.damage import BAD
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.support.brokers import Broker, Namespace
from tests.support.ecs import problems
from tests.support.observability import observing
from tests.support.webhook import Delivery, Webhook, webhook

#: Factor by which the rules' durations are shortened: minutes become seconds.
_FASTER = 60
_WITHIN_S = 30
_RULES = (Path(__file__).parents[2] / "infra" / "prometheus").glob("*.rules.yml")


@pytest.fixture
async def workers(broker: Broker, namespace: Namespace, tmp_path: Path) -> list[Worker]:
    """Two workers; each ends after 40 dead letters in a row."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    where = (broker.bootstrap_servers, namespace.prefix, namespace.group)
    settings = {"AUDIO_DEAD_LETTER_LIMIT": "40", "AUDIO_LOG_LEVEL": "debug"}
    return [Worker(*where, tmp_path / name, **settings) for name in ("first", "second")]


def refused(count: int, call: str) -> Iterator[PlannedInput]:
    for number in range(count):
        good = segment(sample(0.1, "audio/L16"), call, number)
        yield replace(good, message=BAD["rate missing"](good.message), sample=None, bad="rate missing")


def tells_of(delivery: Delivery, alert: str, status: str) -> bool:
    return (delivery.payload["groupLabels"]["alertname"], delivery.payload["status"]) == (alert, status)


async def told(heard: Webhook, alert: str, status: str) -> Delivery:
    return await asyncio.to_thread(heard.wait_for, lambda one: tells_of(one, alert, status), _WITHIN_S)


async def test_refusals_and_a_dead_worker_are_told_of_at_the_webhook_and_so_is_their_end(
    workers: list[Worker], broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    endpoints = [f"127.0.0.1:{worker.port}" for worker in workers]
    with webhook() as heard, running(*workers):
        watched = Monitoring(endpoints, 2, "1s", "1s", "2s", f"http://{heard.address}/alerts")
        with observing(tmp_path / "monitoring", watched, faster=_FASTER) as seen:
            await asyncio.to_thread(seen.await_data, "min(max by (partition) (audio_partition_assigned)) == 1")
            await oracle.send(list(refused(25, "call-1")))
            fired = await told(heard, "AudioBreakerFills", "firing")
            await oracle.send([segment(sample(0.5, "audio/L16"), "call-1", 25)])
            await told(heard, "AudioBreakerFills", "resolved")

            workers[0].kill()
            orphaned = await told(heard, "AudioPartitionWithoutOwner", "firing")
            workers[0].start()
            await told(heard, "AudioPartitionWithoutOwner", "resolved")
            exported = workers[1].get("/metrics")[1]
    assert_well_formed(fired, "warning", f"Worker {culprit(workers)} refuses everything")
    unowned = rf"No worker owns partition \d of {namespace.prefix}audio\.(raw|recordings)"
    assert_well_formed(orphaned, "critical", unowned)
    assert used_in_rules() <= set(re.findall(r"^# TYPE (\w+)", exported, re.MULTILINE))
    lines = [json.loads(line) for worker in workers for line in worker.log.read_text().splitlines()]
    assert {"compressed", "dead_letter", "worker_started"} <= {line["message"] for line in lines}
    assert [problem for line in lines for problem in problems(line)] == []


def culprit(workers: list[Worker]) -> str:
    """The address of the worker that refused inputs."""
    (address,) = (f"127.0.0.1:{w.port}" for w in workers if any(line["event"] == "dead_letter" for line in w.lines()))
    return address


def assert_well_formed(delivery: Delivery, severity: str, summary: str) -> None:
    alerts = delivery.payload["alerts"]
    name = delivery.payload["groupLabels"]["alertname"]
    assert delivery.path == "/alerts"
    assert delivery.payload["receiver"] == severity
    assert {alert["labels"]["severity"] for alert in alerts} == {severity}
    assert all(re.fullmatch(summary, alert["annotations"]["summary"]) for alert in alerts)
    assert alerts[0]["annotations"]["runbook_url"] == f"docs/MONITORING_RUNBOOK.md#{name.lower()}"


def used_in_rules() -> set[str]:
    """Names of the metrics that the rules use and workers have to export, as their types are declared."""
    groups = [group for file in _RULES for group in yaml.safe_load(file.read_text())["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"(?<![:\w])(audio_(?!api_)\w+)(?![:\w])", rule["expr"])}
    return {name.removesuffix("_bucket") for name in named - {rule.get("record") for rule in rules}}
