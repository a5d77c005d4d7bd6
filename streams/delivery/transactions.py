"""The transactions of one worker in one generation of its group, and whose they are."""

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
from streams.kafka.produce_errors import OutcomeRefusedError, RefusedBatchError, refusal_message
from streams.kafka.protocol.api_versions import ApiVersions
from streams.kafka.protocol.offset_fetch import UnstableOffsetCommitError, fetch_committed
from streams.kafka.protocol.txn_offset_commit import GroupMember, Offsets
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS, TransactionalWriter, together

#: As long as brokers take to abort a transaction that a dead worker left open under a name that nobody knows, and below
#: what Faust gives a step of a recovery.
_START_TIMEOUT = 38.0
_START_ATTEMPT_PAUSE = 0.5
_READ_PAUSE = 0.02
#: Longer than brokers wait before they abort a transaction: its fate is decided when this is over.
_COMMIT_TIMEOUT = 60.0
_STOP_TIMEOUT = 5.0
#: The version of Kafka's transactions in which what is written makes itself part of them (KIP-890).
_TRANSACTION_VERSION = 2


class Batch(NamedTuple):
    """What one input partition adds to a transaction.

    Attributes:
        tp: The partition; outputs go to the same number.
        outputs: In the order of their inputs.
        next_offset: Of the first input that is not in it.
        first_offset: Of the first input that is in it; None where there is none.
        mark: Noted behind the writer's name, see `is_marked_beyond_log`.
    """

    tp: TopicPartition
    outputs: Sequence[Output]
    next_offset: int
    first_offset: int | None = None
    mark: str = ""


#: Noted behind a writer's name: the offset beside it was found beyond the end of its log.
BEYOND_LOG = " beyond the log"

#: The offset of each partition that has one, and what is noted beside it.
Committed = Mapping[TopicPartition, OffsetAndMetadata]


class Transactor(Protocol):
    """What a worker needs of Kafka: to write outputs and their inputs' offsets together or not at all."""

    async def start(self) -> Committed:
        """Fence every earlier owner of the partitions, complete its transaction, and read the committed offsets."""

    async def commit(self, batches: Sequence[Batch]) -> None:
        """Write outputs and the next input offsets in one transaction."""

    async def stop(self) -> None:
        """Release the connections; nothing is in flight any more."""


class GroupProducer:
    """Writes outputs and input offsets of a worker's partitions in transactions, for one generation of its group.

    Two things keep a former owner that still believes to be alive from writing. The group's coordinator takes offsets
    from members of the present generation only, so that no transaction of another one can commit. And each commit
    leaves its writer's name beside the offsets: whoever owns a partition next starts under the name it finds there as
    well, which completes or aborts what is open, at once and not when it times out. A name is of one generation; that
    one is over, so this never hits a worker of the present one.

    The committed offsets are read after that: they are not settled while a former owner's transaction is open. And they
    are read only from the broker that has just taken an offset of this worker in this generation, see
    `_find_coordinator`.

    Args:
        bootstrap_servers: ``host:port[,host:port...]``.
        member: The worker, as its group knows it.
        tps: Its partitions.
        clocks: Told when brokers appended what was written.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        member: GroupMember,
        tps: Collection[TopicPartition],
        clocks: BrokerClocks | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._member = member
        self._tps = [ClientPartition(*tp) for tp in tps]
        self._clocks = clocks
        self._client: AIOKafkaClient | None = None
        self._writer: TransactionalWriter | None = None

    async def start(self) -> Committed:
        """Fence, start and read the committed offsets, waiting for brokers and coordinators that are on their way up.

        Raises:
            ProducerFenced: If the group no longer knows the member so.
            IncompatibleBrokerVersion: When the cluster's transactions are of an earlier version.
            KafkaError: When the brokers refuse.
            TimeoutError: When they do not come in time.
        """
        if not self._tps:
            return {}
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                self._client = await connect(self._bootstrap_servers)
                name = self._transactional_id(_name(self._member))
                self._writer = TransactionalWriter(self._client, name, self._clocks)
                await self._writer.start()
                offsets = await self._fence_and_read(self._client, self._writer)
        except TimeoutError:
            raise TimeoutError(f"the committed offsets could not be read within {_START_TIMEOUT:g} s") from None
        return {TopicPartition(*partition): committed for partition, committed in offsets.items()}

    async def commit(self, batches: Sequence[Batch]) -> None:
        """Write outputs and the next input offsets in one transaction.

        Any error leaves the transaction's fate open. It is not aborted here: the process ends, and the next owner's
        start completes or aborts it.

        Raises:
            OutcomeRefusedError: A topic does not take an outcome. The worker must end; see above.
            KafkaError: Likewise, for any other reason.
            TimeoutError: Likewise.
        """
        if self._writer is None:
            raise RuntimeError("commit before start")
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT):
                await self._commit(self._writer, batches)
        except RefusedBatchError as error:
            raise OutcomeRefusedError(refusal_message(error, _inputs(batches, error.partition))) from None

    async def stop(self) -> None:
        """Release the connections.

        Raises:
            TimeoutError: When something is still under way and does not end.
        """
        if self._client is not None:
            client, self._client = self._client, None
            await asyncio.wait_for(client.close(), _STOP_TIMEOUT)

    async def _commit(self, writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        await together(
            writer.write(_by_partition(batches)), writer.commit_offsets(self._member, self._offsets(batches))
        )
        await writer.commit()

    def _offsets(self, batches: Sequence[Batch]) -> Offsets:
        name = _name(self._member)
        return {
            ClientPartition(*batch.tp): OffsetAndMetadata(batch.next_offset, name + batch.mark) for batch in batches
        }

    async def _fence_and_read(self, client: AIOKafkaClient, writer: TransactionalWriter) -> Offsets:
        """Read whose transactions may be open and end them, then read the offsets, both from the true coordinator."""
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
        """Find a broker whose answers about committed offsets hold everything that was committed until now.

        A former coordinator that was frozen, or is cut off from the other brokers, goes on calling itself the
        coordinator and answers with old offsets. What it cannot do is to take an offset: that needs the other replicas.
        So this worker adds one to a transaction, which is aborted then. Whoever takes it knows all that was committed
        before it, and knows this member in this generation, so that nobody else can commit after it.

        Returns:
            The broker's id.
        """
        while True:
            try:
                broker = await writer.commit_offsets(self._member, {self._tps[0]: OffsetAndMetadata(0, "")})
            except InvalidProducerIdMapping:  # a former coordinator of transactions as well: it does not know this one
                await asyncio.sleep(_READ_PAUSE)
            else:
                await writer.abort()
                return broker

    async def _read_stable(self, client: AIOKafkaClient, broker: int) -> Offsets:
        """Read the offsets once no transaction that moves one of them is open."""
        while True:
            try:
                return await fetch_committed(client, broker, self._member.group, self._tps, stable=True)
            except UnstableOffsetCommitError:
                await asyncio.sleep(_READ_PAUSE)

    async def _fence_former_owners(self, client: AIOKafkaClient, last: Offsets) -> None:
        names = sorted({committed.metadata.removesuffix(BEYOND_LOG) for committed in last.values()})
        former = [self._transactional_id(name) for name in names if _is_former(name, self._member)]
        await together(*(TransactionalWriter(client, transactional_id).start() for transactional_id in former))

    def _transactional_id(self, name: str) -> str:
        return f"{self._member.group}-{name}"


async def connect(bootstrap_servers: str) -> AIOKafkaClient:
    """Connect to a cluster that has the transactions which `TransactionalWriter` needs, once it is up.

    Raises:
        IncompatibleBrokerVersion: When it does not have them.
        KafkaError: When the brokers refuse.
    """
    while True:
        client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            await client.bootstrap()
            await _check_transactions(client)
        except BaseException as error:
            await asyncio.wait_for(client.close(), _STOP_TIMEOUT)
            if not (isinstance(error, KafkaError) and error.retriable):
                raise
        else:
            return client
        await asyncio.sleep(_START_ATTEMPT_PAUSE)


async def _check_transactions(client: AIOKafkaClient) -> None:
    answer = await client.send(client.get_random_node(), ApiVersions())
    version = answer.finalized("transaction.version")
    if version < _TRANSACTION_VERSION:
        raise IncompatibleBrokerVersion(
            f"workers need transaction.version {_TRANSACTION_VERSION}, this cluster's is {version}; from Kafka 4.0 on,"
            f" kafka-features.sh upgrade --feature transaction.version={_TRANSACTION_VERSION} sets it"
        )


def _by_partition(batches: Sequence[Batch]) -> dict[ClientPartition, list[Record]]:
    """Outputs in the order of their inputs; each goes to the number of its input's partition."""
    outputs: defaultdict[ClientPartition, list[Record]] = defaultdict(list)
    for batch in batches:
        for output in batch.outputs:
            outputs[ClientPartition(output.topic, batch.tp.partition)].append(output.record)
    return outputs


def _inputs(batches: Sequence[Batch], partition: ClientPartition) -> list[str]:
    """Places of the inputs with outcomes for a partition."""
    return [
        f"{batch.tp.topic}-{batch.tp.partition} from offset {batch.first_offset} to {batch.next_offset - 1}"
        for batch in batches
        if batch.tp.partition == partition.partition
        and any(output.topic == partition.topic for output in batch.outputs)
    ]


def _name(member: GroupMember) -> str:
    """What a writer is called, in its transactional id and beside the offsets that it commits."""
    return f"{member.generation}-{member.instance}"


def generation_of_writer(name: str) -> int | None:
    """The generation of the writer that is called so; None for a note of others, beside offsets set by hand."""
    generation, _, instance = name.partition("-")
    return int(generation) if generation.isdecimal() and instance else None


def is_marked_beyond_log(name: str) -> bool:
    """Whether a worker has found the offset beside this name beyond the end of its log."""
    return name.endswith(BEYOND_LOG)


def _is_former(name: str, member: GroupMember) -> bool:
    """Whether that is a writer of an earlier generation."""
    generation = generation_of_writer(name)
    return generation is not None and generation < member.generation
