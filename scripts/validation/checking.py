"""Runs all checks of a running system at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from scripts.cli import Cluster
from scripts.validation import group, outcomes, topics
from scripts.validation.alertmanager import check_alertmanager
from scripts.validation.api import check_apis
from scripts.validation.certificates import check_certificates
from scripts.validation.exchange import exchange
from scripts.validation.finding import Finding, Report, failed, not_checked
from scripts.validation.grafana import check_grafana
from scripts.validation.playback import installed_playback
from scripts.validation.prometheus import check_prometheus
from scripts.validation.stores import check_stores
from scripts.validation.web import Web
from scripts.validation.workers import check_workers
from streams.clients import HotelAudioError
from streams.kafka.connection_refusal import ConnectionRefusalError
from streams.kafka.topic_errors import TopicError, TopicHiddenError
from streams.runtime.kafka_security import CHECK_SECURITY
from streams.stores import StoresConfiguration

_ANSWER_S = 5.0  # for one answer of an endpoint
_MARGIN_S = 30.0  # beyond the patience of a check: for connecting and closing


@dataclass(frozen=True, slots=True)
class System:
    """The system that is checked, and the secrets that open parts of it.

    Attributes:
        cluster: Its Kafka, topics and group.
        worker_urls: Addresses of its workers.
        prometheus_url: Address of its Prometheus; None if it is not checked.
        alertmanager_url: As `prometheus_url`.
        grafana_url: As `prometheus_url`.
        known_alerts: Names of critical alerts that may fire.
        workers: Number of its workers; None if it does not matter.
        lag_objective: Greatest lag in seconds.
        patience: Seconds for outcomes to come, and for what is not settled.
        ca_file: Certificates that may have signed those of its endpoints; None means those of the machine.
        admin_token: Opens the workers' status; None if it is not checked.
        grafana_password: Of Grafana's user ``admin``, or None.
        stores: Its object stores; None if they are not checked.
        api_urls: Addresses of its processes of the HTTP API.
    """

    cluster: Cluster
    worker_urls: Sequence[str]
    prometheus_url: str | None
    alertmanager_url: str | None
    grafana_url: str | None
    known_alerts: Sequence[str]
    workers: int | None
    lag_objective: float
    patience: float
    ca_file: Path | None
    admin_token: str | None
    grafana_password: str | None
    stores: StoresConfiguration | None = None
    api_urls: Sequence[str] = ()

    @property
    def urls(self) -> list[str]:
        """All addresses that were given."""
        others = (self.prometheus_url, self.alertmanager_url, self.grafana_url)
        return [*self.worker_urls, *self.api_urls, *(url for url in others if url is not None)]


async def check(system: System) -> Report:
    """Check a system; nothing that is wrong with it raises."""
    began = time.monotonic()
    web = Web(min(_ANSWER_S, system.patience), system.ca_file)
    parts = await asyncio.gather(
        check_workers(web, system.worker_urls, system.admin_token),
        _check_kafka(system),
        check_prometheus(web, system.prometheus_url, system.workers, system.known_alerts, system.patience),
        check_alertmanager(web, system.alertmanager_url),
        check_grafana(web, system.grafana_url, system.grafana_password),
        check_certificates(web, system.urls),
        check_stores(system.stores),
        check_apis(web, system.api_urls),
    )
    return Report([one for part in parts for one in part], time.monotonic() - began)


async def _check_kafka(system: System) -> list[Finding]:
    """Brokers and topics first; without them there is nothing else to check."""
    cluster, servers = system.cluster, system.cluster.bootstrap_servers
    found: list[topics.TopicFindings] = []

    async def look() -> list[Finding]:
        found.append(await topics.check_topics(cluster))
        return list(found[0].findings)

    findings = await _answered(topics.BROKERS, servers, system, look())
    if not found:
        return [*findings, *(not_checked(kind, "all", "as brokers were not") for kind in ("topic", "group", "call"))]
    needed = [cluster.topic(name) for name in (RAW, COMPRESSED, DEAD_LETTER)]
    if missing := [name for name in needed if name not in found[0].partitions]:
        why = f"{', '.join(missing)}: missing"
        return [*findings, *(not_checked(kind, "all", why) for kind in ("group", "call"))]
    members = group.check_group(cluster, len(system.worker_urls), system.workers, system.lag_objective, system.patience)
    parts = await asyncio.gather(
        _answered(group.CHECK, "members, owners, lag", system, members),
        _answered(outcomes.CALL, "all", system, _check_calls(system, found[0].partitions[needed[0]])),
    )
    return [*findings, *(one for part in parts for one in part)]


async def _check_calls(system: System, partitions: int) -> list[Finding]:
    seen = await exchange(system.cluster, partitions, system.patience)
    calls = outcomes.judge_calls(seen.sent, seen.arrived)
    return [*calls, *outcomes.judge_files(seen.sent, seen.arrived, installed_playback())]


async def _answered(kind: str, subject: str, system: System, findings: Awaitable[list[Finding]]) -> list[Finding]:
    """The findings of a check, or one that says why there are none."""
    remedy = "look at the brokers; is KAFKA_BOOTSTRAP_SERVERS right, and do AUDIO_TOPIC_PREFIX and AUDIO_GROUP fit?"
    try:
        async with asyncio.timeout(system.patience + _MARGIN_S):
            return await findings
    except TimeoutError:
        return [failed(kind, subject, "the brokers stopped answering", remedy)]
    except ConnectionRefusalError as error:
        return [failed(kind, subject, str(error), CHECK_SECURITY)]
    except KafkaConnectionError:
        return [failed(kind, subject, "no broker answers", remedy)]
    except TopicHiddenError as error:
        return [failed(kind, subject, str(error), "validate with the role operator")]
    except (HotelAudioError, TopicError, KafkaError) as error:
        return [failed(kind, subject, " ".join(str(error).split()), remedy)]
