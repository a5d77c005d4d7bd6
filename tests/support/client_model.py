"""Clients of a KafkaModel: the test triggers the delivery of each request and each answer."""

import asyncio
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError, NotCoordinatorForGroupError
from aiokafka.structs import OffsetAndMetadata

from schemas import Record
from streams.kafka.broker_clocks import BrokerClocks
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.kafka.transactional_writer import run_concurrently
from tests.support.group_model import GroupModel
from tests.support.kafka_model import Committed, KafkaModel, Place


class Request:
    """A request in transit: the test delivers it to the brokers, and its answer to the client."""

    def __init__(self, connection: Hashable, apply: Callable[[], Any], answer: "asyncio.Future[Any]") -> None:
        self.connection = connection
        self.applied = False
        self._apply = apply
        self._answer = answer
        self._result: Any = None
        self._error: Exception | None = None

    def deliver(self) -> None:
        """Deliver it to the brokers."""
        self.applied = True
        try:
            self._result = self._apply()
        except KafkaError as error:
            self._error = error

    def answer(self) -> None:
        """Deliver the answer to the client."""
        if self._answer.done():
            return
        if self._error:
            self._answer.set_exception(self._error)
        else:
            self._answer.set_result(self._result)

    def time_out(self) -> None:
        """Let it time out at the client; it may still reach the brokers."""
        if not self._answer.done():
            self._answer.set_exception(KafkaTimeoutError())


class Network:
    """One worker's requests; those of one connection keep their order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.open = True

    def call(self, connection: Hashable, apply: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Send a request; a dead worker sends nothing."""
        answer = asyncio.get_running_loop().create_future()
        # A client that fails on one answer does not wait for the others.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.open:
            self.requests.append(Request(connection, apply, answer))
        return answer

    def steps(self) -> list[Callable[[], None]]:
        """The possible next steps: per connection, the delivery of one request, and of one answer."""
        arriving: dict[Hashable, Request] = {}
        answered: dict[Hashable, Request] = {}
        for request in self.requests:
            if not request.applied:
                arriving.setdefault(request.connection, request)
            answered.setdefault(request.connection, request)
        heard = [request for request in answered.values() if request.applied]
        return [request.deliver for request in arriving.values()] + [
            lambda request=request: self._hear(request) for request in heard
        ]

    def _hear(self, request: Request) -> None:
        self.requests.remove(request)
        request.answer()


class ClientModel:
    """A fake of a connected AIOKafkaClient, for `WriterModel` and `fetch_committed`.

    Args:
        kafka: The brokers.
        group: The group, and who coordinates it.
        network: The worker's network.
    """

    def __init__(self, kafka: KafkaModel, group: GroupModel, network: Network) -> None:
        self.kafka = kafka
        self.group = group
        self.call = network.call

    async def close(self) -> None:
        """Nothing is kept open."""

    async def coordinator_lookup(self, *_: object) -> int:
        """Ask who coordinates the group."""
        broker: int = await self.call((self, "any broker"), self.group.coordinators.find)
        return broker

    async def committed(
        self, broker: int, partitions: Collection[TopicPartition], *, stable: bool
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Ask a broker for committed offsets."""
        numbers = [source.partition for source in partitions]
        committed = await self.call(
            (self, broker), lambda: self.group.coordinators.committed(broker, numbers, stable=stable)
        )
        known = [source for source in partitions if source.partition in committed]
        return {source: OffsetAndMetadata(*committed[source.partition]) for source in known}


class WriterModel:
    """A fake of TransactionalWriter, over a Network to a KafkaModel.

    Each partition's leader and each coordinator has its own connection: concurrent requests arrive in any
    order.

    Args:
        client: Connected.
        transactional_id: Whose transactions it writes.
        clocks: Unused: the model's brokers have no clocks.
    """

    def __init__(self, client: ClientModel, transactional_id: str, clocks: BrokerClocks | None = None) -> None:
        del clocks
        self._client = client
        self._id = transactional_id
        self._epoch = -1
        self._coordinator: int | None = None

    async def start(self) -> None:
        self._epoch = await self._call("transactions", lambda: self._client.kafka.init_producer(self._id))

    async def write(self, outputs: Mapping[TopicPartition, Sequence[Record]]) -> None:
        await run_concurrently(*(self._write(tuple(partition), records) for partition, records in outputs.items()))

    async def commit_offsets(self, member: GroupMember, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> int:
        while True:
            broker = self._coordinator
            if broker is None:
                broker = self._coordinator = await self._client.coordinator_lookup()
            try:
                await self._add_offsets(broker, member, offsets)
            except NotCoordinatorForGroupError:
                self._coordinator = None
            else:
                return broker

    async def _add_offsets(
        self, broker: int, member: GroupMember, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        plain = {source.partition: Committed(*committed) for source, committed in offsets.items()}
        producer = self._id, self._epoch

        def add() -> None:
            self._client.group.coordinators.check(broker)
            self._client.group.check(member)
            self._client.kafka.add_offsets(producer, plain)

        await self._call(broker, add)

    async def commit(self) -> None:
        producer = self._id, self._epoch
        self._epoch = await self._call("transactions", lambda: self._client.kafka.commit(producer))

    async def abort(self) -> None:
        producer = self._id, self._epoch
        self._epoch = await self._call("transactions", lambda: self._client.kafka.abort(producer))

    async def _write(self, place: Place, records: Sequence[Record]) -> None:
        producer = self._id, self._epoch
        values = [record.value for record in records]
        await self._call(place, lambda: self._client.kafka.produce(producer, place, values))

    def _call(self, broker: Hashable, apply: Callable[[], Any]) -> "asyncio.Future[Any]":
        return self._client.call((self, broker), apply)
