"""The hotels' policies: those in force, and the reader of the topic ``audio.policy``."""

import asyncio
import time
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from schemas import Policy, PolicyEvent, Record, Rejection
from schemas.policy import stale
from streams.compression import DEFAULT_POLICY, assumed
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.metadata import fetch_topics
from streams.kafka.protocol.unreadable import Unreadable
from streams.telemetry.metrics.process import ProcessMetrics

log = structlog.get_logger(__name__)

_POLL_MS = 500
#: Short, because the request for the end offset waits until a pending fetch is answered.
_FETCH_MAX_WAIT_MS = 100
#: Seconds between two checks of the topic's id.
_CHECK_INTERVAL = 1.0
_REACH_WITHIN = 10.0  # seconds


class PoliciesInForce:
    """The last valid policy of each hotel. Pure state; reading is thread-safe, one writer applies records in order.

    When the topic is deleted, the policies are lost. From then on, until a new topic was read completely, all audio is
    encoded losslessly, because there may be a legal hold. A hotel whose policy is not in the new topic keeps lossless
    encoding until it gets a policy again, or a tombstone removes it.
    """

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}
        self._lost: dict[str, Policy] = {}
        self._complete = True

    def __len__(self) -> int:
        return len(self._policies)

    @property
    def awaited(self) -> list[str]:
        """Hotels whose policy was lost with its topic and has not been set again."""
        return sorted(self._lost.keys() - self._policies.keys())

    @property
    def any_archives(self) -> bool:
        """Whether any hotel's results are archived, also by a policy that was lost with its topic."""
        return any(policy.archive for policy in (*self._policies.values(), *self._lost.values()))

    @property
    def any_seals(self) -> bool:
        """Whether any hotel's policy demands sealing, also one that was lost with its topic."""
        return any(policy.sealed for policy in (*self._policies.values(), *self._lost.values()))

    def of(self, hotel_id: str) -> Policy:
        """A hotel's policy, `DEFAULT_POLICY` if it has none, or an `AssumedPolicy` while it is unknown."""
        policy = self._policies.get(hotel_id)
        if not self._complete:
            return assumed(policy or self._lost.get(hotel_id, DEFAULT_POLICY))
        if policy is None and hotel_id in self._lost:
            return assumed(self._lost[hotel_id])
        return policy or DEFAULT_POLICY

    def version(self, hotel_id: str) -> int | None:
        """Version of the hotel's policy; None if it has none, or none is known."""
        policy = self._policies.get(hotel_id)
        return None if policy is None else policy.version

    def lose(self) -> None:
        """Treat all policies as lost. Called when the topic was deleted; later records come from a new topic."""
        self._complete = False
        self._lost = {**self._lost, **self._policies}
        self._policies = {}

    def complete(self) -> None:
        """Treat the policies as complete. Called when the topic was read to its end."""
        self._complete = True

    def apply(self, record: Record) -> PolicyEvent | Rejection:
        """Apply one record of ``audio.policy``.

        Returns:
            The change, or a `Rejection` that changed nothing. A hotel's versions start again when its policy was
            removed, and with a new topic.
        """
        event = PolicyEvent.from_record(record)
        if isinstance(event, Rejection):
            return event
        if event.policy is None:
            self._policies.pop(event.hotel_id, None)
            self._lost.pop(event.hotel_id, None)
            return event
        problem = stale(event.policy, self.version(event.hotel_id) or 0)
        if problem is not None:
            return problem
        self._policies[event.hotel_id] = event.policy
        return event


class PolicyReader:
    """Reads the policies of all hotels continuously; from the start again when the topic was created again.

    It uses no consumer group: every worker reads the whole topic from its start.

    Args:
        connection: The cluster.
        topic: Full name of the topic.
        policies: The policies to update.
        metrics: Count policies and rejections.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, policies: PoliciesInForce, metrics: ProcessMetrics
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._policies = policies
        self._metrics = metrics
        self._loaded = asyncio.Event()
        self._next_offsets: dict[int, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}

    def report(self, hotel_id: str) -> dict[str, Any]:
        """What is in force for a hotel, as plain data for JSON, for whoever has changed its policy and waits.

        ``version`` is None without a policy; ``next_offsets`` has the partitions of the topic that were read, and up to
        where.
        """
        return {
            "hotel": hotel_id,
            "version": self._policies.version(hotel_id),
            "loaded": self.loaded,
            "next_offsets": self._next_offsets,
        }

    @property
    def loaded(self) -> bool:
        """Whether the current topic was read to its end once."""
        return self._loaded.is_set()

    async def wait_loaded(self) -> None:
        """Wait until the topic was read to its end."""
        await self._loaded.wait()

    async def reach_end(self) -> None:
        """Wait until all is in force that is committed now.

        Raises:
            aiokafka.errors.KafkaError: When the brokers do not answer in time.
        """
        try:
            async with asyncio.timeout(_REACH_WITHIN):
                await self._loaded.wait()
                if self._consumer is None:
                    raise KafkaConnectionError(f"{self._topic} is not read now")
                ends = await self._consumer.end_offsets(self._consumer.assignment())
                while any(self._positions.get(place, 0) < end for place, end in ends.items()):  # noqa: ASYNC110  no event
                    await asyncio.sleep(_POLL_MS / 10_000)
        except TimeoutError as error:
            raise KafkaTimeoutError(f"{self._topic} cannot be read to its end") from error

    async def run(self) -> None:
        """Read forever.

        Raises:
            aiokafka.errors.KafkaError: When the brokers do not answer at the start, or refuse to.
        """
        while True:
            consumer = self._connection.consumer(
                self._topic,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
            )
            try:
                await consumer.start()
                self._consumer = consumer
                await self._follow(consumer)
                self._consumer = None
                await self._wait_for_topic(consumer)
            finally:
                self._consumer = None
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read until the topic is deleted or created again."""
        client: AIOKafkaClient = consumer._client  # noqa: SLF001  knows the brokers already
        first = await self._topic_id(client)
        ends = await consumer.end_offsets(consumer.assignment())
        checked = time.monotonic()
        while True:
            if not self.loaded and await _has_read(consumer, ends):
                self._complete()
            batches = await consumer.getmany(timeout_ms=_POLL_MS if self.loaded else _POLL_MS // 10)
            for records in batches.values():
                for record in records:
                    self._apply(record)
            self._positions = {place: await consumer.position(place) for place in consumer.assignment()}
            if time.monotonic() - checked > _CHECK_INTERVAL:
                checked = time.monotonic()
                if (now := await self._topic_id(client, first)) != first:
                    self._lose("it does not exist" if now is None else "it was deleted and made again")
                    return

    async def _topic_id(self, client: AIOKafkaClient, unknown: bytes | None = None) -> bytes | None:
        """Read the topic's id; None when it does not exist, ``unknown`` when no broker answers."""
        try:
            found = await fetch_topics(client, [self._topic])
        except KafkaError:
            return unknown
        return found[self._topic].id if self._topic in found else None

    async def _wait_for_topic(self, consumer: AIOKafkaConsumer) -> None:
        client: AIOKafkaClient = consumer._client  # noqa: SLF001  as above
        while await self._topic_id(client) is None:  # noqa: ASYNC110  the brokers set no event
            await asyncio.sleep(_CHECK_INTERVAL)

    def _complete(self) -> None:
        self._policies.complete()
        self._loaded.set()
        log.info("policies_loaded", hotels=len(self._policies))
        if awaited := self._policies.awaited:
            log.error("policies_awaited", hotels=awaited)
        self._show()

    def _lose(self, reason: str) -> None:
        self._loaded.clear()
        self._next_offsets = {}
        self._policies.lose()
        log.error("policies_lost", topic=self._topic, reason=reason)
        self._show()

    def _show(self) -> None:
        self._metrics.policies.set(len(self._policies))
        self._metrics.policies_awaited.set(len(self._policies.awaited))

    def _apply(self, message: ConsumerRecord) -> None:
        if isinstance(message, Unreadable):
            applied: PolicyEvent | Rejection = message.rejection
        else:
            applied = self._policies.apply(Record(message.key, message.value))
        self._next_offsets[message.partition] = message.offset + 1
        place = {"partition": message.partition, "offset": message.offset}
        if isinstance(applied, Rejection):
            self._metrics.policies_refused.labels(applied.code).inc()
            hotel = (message.key or b"").decode("utf-8", "replace")
            log.warning("policy_refused", hotel=hotel, code=applied.code, reason=applied.message, **place)
            return
        self._show()
        version = None if applied.policy is None else applied.policy.version
        log.info("policy_in_force", hotel=applied.hotel_id, version=version, **place)


async def _has_read(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])
