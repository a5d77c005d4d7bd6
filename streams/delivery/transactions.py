"""The transactions of one worker in one generation of its consumer group, and the fencing of former owners."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from aiokafka import TopicPartition as ClientPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, InvalidProducerIdMapping, KafkaError
from aiokafka.structs import OffsetAndMetadata

from schemas import Record
from schemas.record import TopicPartition
from streams.delivery.outcome import Output
from streams.kafka.broker_clocks import BrokerClocks
from streams.kafka.connection import KafkaConnection
from streams.kafka.produce_errors import OutcomeRefusedError, RefusedBatchError, refusal_message
from streams.kafka.protocol.api_versions import ApiVersions
from streams.kafka.protocol.offset_fetch import UnstableOffsetCommitError, fetch_committed
from streams.kafka.protocol.txn_offset_commit import GroupMember, Offsets
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS, TransactionalWriter, run_concurrently

#: Seconds. Long enough for brokers to abort a transaction that a dead worker left open under an unknown transactional
#: id, and less than Faust's time limit for a step of a recovery.
_START_TIMEOUT = 38.0
_START_ATTEMPT_PAUSE = 0.5
_READ_PAUSE = 0.02
#: Seconds. Longer than brokers wait before they abort a transaction, so that it is decided when this time is over.
_COMMIT_TIMEOUT = 60.0
_STOP_TIMEOUT = 5.0
#: From this version of Kafka's transactions on, produce and offset requests join the transaction by themselves
#: (KIP-890).
_TRANSACTION_VERSION = 2


class Batch(NamedTuple):
    """The outputs and the offset that one input partition adds to a transaction.

    Attributes:
        tp: The input partition; outputs go to partitions of the same number.
        outputs: The outputs, in the order of their inputs.
        next_offset: Offset of the first input after the batch; this is committed.
        first_offset: Offset of the first input of the batch; None for a batch without inputs.
        mark: Suffix of the committed metadata, see `is_marked_beyond_log`.
    """

    tp: TopicPartition
    outputs: Sequence[Output]
    next_offset: int
    first_offset: int | None = None
    mark: str = ""


#: Suffix of the metadata of a committed offset that was found beyond the end of its log.
BEYOND_LOG = " beyond the log"

#: The committed offset, with its metadata, of each partition that has one.
Committed = Mapping[TopicPartition, OffsetAndMetadata]


class Transactor(Protocol):
    """Writes outputs and the offsets of their inputs to Kafka, together or not at all."""

    async def start(self) -> Committed:
        """Fence former owners of the partitions, end their open transactions, then read the committed offsets."""

    async def commit(self, batches: Sequence[Batch]) -> None:
        """Write outputs and the next input offsets in one transaction."""

    async def stop(self) -> None:
        """Close the connections; no commit may be in flight."""


class GroupProducer:
    """Writes outputs and input offsets of a worker's partitions in transactions, for one generation of its group.

    Two mechanisms stop a former owner that still runs. The group's coordinator accepts offsets from members of the
    current generation only, so that no transaction of an earlier one can commit. And each commit stores the writer's
    name in the metadata of the offsets: the next owner of the partition also starts a producer under that name, which
    completes or aborts the open transaction at once instead of after its timeout. A name belongs to one generation,
    and that one is over, so this never fences a worker of the current generation.

    The committed offsets are read after that, because they may change while a former owner's transaction is open. And
    they are read only from the broker that just accepted an offset of this worker in this generation, see
    `_find_coordinator`.

    Args:
        connection: The cluster.
        member: The worker as a member of its group.
        tps: Its input partitions.
        clocks: Receives the brokers' append times; None to ignore them.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        member: GroupMember,
        tps: Collection[TopicPartition],
        clocks: BrokerClocks | None = None,
    ) -> None:
        self._connection = connection
        self._member = member
        self._tps = [ClientPartition(*tp) for tp in tps]
        self._clocks = clocks
        self._client: AIOKafkaClient | None = None
        self._writer: TransactionalWriter | None = None

    async def start(self) -> Committed:
        """Start the producer, fence former owners and read the committed offsets; wait for brokers to become available.

        Raises:
            ProducerFenced: If the group has moved to another generation, or no longer knows the member.
            IncompatibleBrokerVersion: When the cluster's transaction version is too low.
            KafkaError: When the brokers refuse.
            TimeoutError: When they are not available in time.
        """
        if not self._tps:
            return {}
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                self._client = await connect(self._connection)
                name = self._transactional_id(_name(self._member))
                self._writer = TransactionalWriter(self._client, name, self._clocks)
                await self._writer.start()
                offsets = await self._fence_and_read(self._client, self._writer)
        except TimeoutError:
            raise TimeoutError(f"the committed offsets could not be read within {_START_TIMEOUT:g} s") from None
        return {TopicPartition(*partition): committed for partition, committed in offsets.items()}

    async def commit(self, batches: Sequence[Batch]) -> None:
        """Write outputs and the next input offsets in one transaction.

        After an error it is unknown whether the transaction was committed. It is not aborted here: the process must
        end, and the start of the next owner completes or aborts it.

        Raises:
            OutcomeRefusedError: When a topic does not accept an outcome.
            KafkaError: When the brokers refuse for another reason.
            TimeoutError: When the commit takes too long.
        """
        if self._writer is None:
            raise RuntimeError("commit before start")
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT):
                await self._commit(self._writer, batches)
        except RefusedBatchError as error:
            raise OutcomeRefusedError(refusal_message(error, _inputs(batches, error.partition))) from None

    async def stop(self) -> None:
        """Close the connections.

        Raises:
            TimeoutError: When pending requests do not end in time.
        """
        if self._client is not None:
            client, self._client = self._client, None
            await asyncio.wait_for(client.close(), _STOP_TIMEOUT)

    async def _commit(self, writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        await run_concurrently(
            writer.write(_by_partition(batches)), writer.commit_offsets(self._member, self._offsets(batches))
        )
        await writer.commit()

    def _offsets(self, batches: Sequence[Batch]) -> Offsets:
        name = _name(self._member)
        return {
            ClientPartition(*batch.tp): OffsetAndMetadata(batch.next_offset, name + batch.mark) for batch in batches
        }

    async def _fence_and_read(self, client: AIOKafkaClient, writer: TransactionalWriter) -> Offsets:
        """End transactions that former owners left open, then read the offsets; both from the valid coordinator."""
        while True:
            broker = await self._find_coordinator(writer)
            try:
                last = await fetch_committed(client, broker, self._member.group, self._tps, stable=False)
                await self._fence_former_owners(client, last)
                return await self._read_stable(client, broker)
            except KafkaError as error:
                if not error.retriable:
                    raise
            await asyncio.sleep(_READ_PAUSE)

    async def _find_coordinator(self, writer: TransactionalWriter) -> int:
        """Find the broker that certainly is the group's coordinator and knows all committed offsets.

        A former coordinator that was frozen, or is cut off from the other brokers, still claims to be the coordinator
        and answers with old offsets. But it cannot accept an offset, because that needs the other replicas. So this
        worker adds an offset to a transaction and then aborts it. The broker that accepted the offset knows everything
        committed before, and knows this member in this generation, so that no other member can commit afterwards.

        Returns:
            The broker's id.
        """
        while True:
            try:
                broker = await writer.commit_offsets(self._member, {self._tps[0]: OffsetAndMetadata(0, "")})
            except InvalidProducerIdMapping:  # it is a former transaction coordinator too, without our transactional id
                await asyncio.sleep(_READ_PAUSE)
            else:
                await writer.abort()
                return broker

    async def _read_stable(self, client: AIOKafkaClient, broker: int) -> Offsets:
        """Read the offsets when no transaction with one of them is open any more."""
        while True:
            try:
                return await fetch_committed(client, broker, self._member.group, self._tps, stable=True)
            except UnstableOffsetCommitError:
                await asyncio.sleep(_READ_PAUSE)

    async def _fence_former_owners(self, client: AIOKafkaClient, last: Offsets) -> None:
        names = sorted({committed.metadata.removesuffix(BEYOND_LOG) for committed in last.values()})
        former = [self._transactional_id(name) for name in names if _is_former(name, self._member)]
        await run_concurrently(*(TransactionalWriter(client, transactional_id).start() for transactional_id in former))

    def _transactional_id(self, name: str) -> str:
        return f"{self._member.group}-{name}"


async def connect(connection: KafkaConnection) -> AIOKafkaClient:
    """Connect to a cluster, waiting until it is up, and check its transaction version.

    Raises:
        IncompatibleBrokerVersion: When the version is too low for `TransactionalWriter`.
        KafkaError: When the brokers refuse.
    """
    while True:
        client = connection.client(request_timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            await client.bootstrap()
            await check_transactions(client)
        except BaseException as error:
            await asyncio.wait_for(client.close(), _STOP_TIMEOUT)
            if not (isinstance(error, KafkaError) and error.retriable):
                raise
        else:
            return client
        await asyncio.sleep(_START_ATTEMPT_PAUSE)


async def check_transactions(client: AIOKafkaClient) -> None:
    """Check the transaction version of a cluster.

    Raises:
        IncompatibleBrokerVersion: If it is too low for `TransactionalWriter`.
    """
    answer = await client.send(client.get_random_node(), ApiVersions())
    version = answer.finalized("transaction.version")
    if version < _TRANSACTION_VERSION:
        raise IncompatibleBrokerVersion(
            f"workers need transaction.version {_TRANSACTION_VERSION}, this cluster's is {version}; from Kafka 4.0 on,"
            f" kafka-features.sh upgrade --feature transaction.version={_TRANSACTION_VERSION} sets it"
        )


def _by_partition(batches: Sequence[Batch]) -> dict[ClientPartition, list[Record]]:
    """Outputs by their partition, in the order of their inputs; the number is that of the input's partition."""
    outputs: defaultdict[ClientPartition, list[Record]] = defaultdict(list)
    for batch in batches:
        for output in batch.outputs:
            outputs[ClientPartition(output.topic, batch.tp.partition)].append(output.record)
    return outputs


def _inputs(batches: Sequence[Batch], partition: ClientPartition) -> list[str]:
    """Offset ranges of the inputs with outcomes for a partition, as text."""
    return [
        f"{batch.tp.topic}-{batch.tp.partition} from offset {batch.first_offset} to {batch.next_offset - 1}"
        for batch in batches
        if batch.tp.partition == partition.partition
        and any(output.topic == partition.topic for output in batch.outputs)
    ]


def _name(member: GroupMember) -> str:
    """The writer's name in its transactional id and in the metadata of its offsets."""
    return f"{member.generation}-{member.instance}"


def generation_of_writer(name: str) -> int | None:
    """The generation in a writer's name; None for other metadata, such as that of offsets set by a tool."""
    generation, _, instance = name.partition("-")
    return int(generation) if generation.isdecimal() and instance else None


def is_marked_beyond_log(name: str) -> bool:
    """Whether the metadata of an offset say that a worker found it beyond the end of its log."""
    return name.endswith(BEYOND_LOG)


def _is_former(name: str, member: GroupMember) -> bool:
    """Whether a name is that of a writer of an earlier generation."""
    generation = generation_of_writer(name)
    return generation is not None and generation < member.generation
