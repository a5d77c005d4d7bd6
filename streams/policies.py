"""The hotels' policies: which are in force, and how they come from the topic ``audio.policy``."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas import Policy, PolicyEvent, Record, Rejection
from streams.compression import DEFAULT_POLICY
from streams.metrics import Metrics
from streams.protocol.every_record import EveryRecordConsumer
from streams.protocol.unreadable import Unreadable

log = structlog.get_logger(__name__)

_POLL_MS = 500
#: Another question to the broker, for where the topic ends, waits behind a fetch that found nothing.
_FETCH_MAX_WAIT_MS = 100


class PoliciesInForce:
    """The last good policy of each hotel. Pure state; reading is thread-safe, one writer applies records in order."""

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}

    def __len__(self) -> int:
        return len(self._policies)

    def of(self, hotel_id: str) -> Policy:
        """A hotel's policy, or `DEFAULT_POLICY` where it has none."""
        return self._policies.get(hotel_id, DEFAULT_POLICY)

    def apply(self, record: Record) -> PolicyEvent | Rejection:
        """Take in one record of ``audio.policy``.

        Returns:
            The change, or a `Rejection`: then nothing has changed. The versions of a hotel begin anew once it has no
            policy.
        """
        event = PolicyEvent.from_record(record)
        if isinstance(event, Rejection):
            return event
        if event.policy is None:
            self._policies.pop(event.hotel_id, None)
            return event
        current = self.of(event.hotel_id).version
        if event.policy.version <= current:
            reason = f"is {event.policy.version} and must be above {current}, which is in force"
            return Rejection("contract", "StalePolicy", "version", reason)
        self._policies[event.hotel_id] = event.policy
        return event


class PolicyReader:
    """Reads the policies of all hotels, and goes on reading.

    It belongs to no consumer group: every worker reads the whole topic, from its beginning.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic.
        policies: Where records are applied.
        metrics: Where they are counted.
    """

    def __init__(self, bootstrap_servers: str, topic: str, policies: PoliciesInForce, metrics: Metrics) -> None:
        self._servers = bootstrap_servers
        self._topic = topic
        self._policies = policies
        self._metrics = metrics
        self._loaded = asyncio.Event()

    @property
    def loaded(self) -> bool:
        """Whether the topic was read to its end once."""
        return self._loaded.is_set()

    async def wait_loaded(self) -> None:
        """Return once the topic was read to its end."""
        await self._loaded.wait()

    async def run(self) -> None:
        """Read, forever.

        Raises:
            aiokafka.errors.KafkaError: When the brokers do not answer at the start, or refuse to.
        """
        consumer = EveryRecordConsumer(
            self._topic,
            bootstrap_servers=self._servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
        )
        try:
            await consumer.start()
            await self._follow(consumer)
        finally:
            await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        ends = await consumer.end_offsets(consumer.assignment())
        while True:
            if not self.loaded and await _has_read(consumer, ends):
                self._loaded.set()
                log.info("policies_loaded", hotels=len(self._policies))
            batches = await consumer.getmany(timeout_ms=_POLL_MS if self.loaded else _POLL_MS // 10)
            for records in batches.values():
                for record in records:
                    self._apply(record)

    def _apply(self, message: ConsumerRecord) -> None:
        if isinstance(message, Unreadable):
            applied: PolicyEvent | Rejection = message.rejection
        else:
            applied = self._policies.apply(Record(message.key, message.value))
        place = {"partition": message.partition, "offset": message.offset}
        if isinstance(applied, Rejection):
            self._metrics.policies_refused.labels(applied.code).inc()
            hotel = (message.key or b"").decode("utf-8", "replace")
            log.warning("policy_refused", hotel=hotel, code=applied.code, reason=applied.message, **place)
            return
        self._metrics.policies.set(len(self._policies))
        version = None if applied.policy is None else applied.policy.version
        log.info("policy_in_force", hotel=applied.hotel_id, version=version, **place)


async def _has_read(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])
