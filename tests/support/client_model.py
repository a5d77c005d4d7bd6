"""Clients of a KafkaModel: each request and each answer is a step in the test's hands."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from streams.protocol.txn_offset_commit import GroupMember
from tests.support.kafka_model import Committed, GroupModel, KafkaModel


class Request:
    """A request under way: it reaches the brokers, and its answer the client, when the test says so."""

    def __init__(self, connection: Hashable, apply: Callable[[], Any], answer: "asyncio.Future[Any]") -> None:
        self.connection = connection
        self.applied = False
        self._apply = apply
        self._answer = answer
        self._result: Any = None
        self._error: Exception | None = None

    def deliver(self) -> None:
        """Let the brokers act on it."""
        self.applied = True
        try:
            self._result = self._apply()
        except ProducerFenced as error:
            self._error = error

    def answer(self) -> None:
        """Let the client hear what came of it."""
        if self._answer.done():
            return
        if self._error:
            self._answer.set_exception(self._error)
        else:
            self._answer.set_result(self._result)

    def give_up(self) -> None:
        """Let the client believe that it failed; it may still reach the brokers."""
        if not self._answer.done():
            self._answer.set_exception(KafkaTimeoutError())


class Network:
    """One worker's requests; those of one connection keep their order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.open = True

    def call(self, connection: Hashable, apply: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Send a request; nothing leaves a worker that has died."""
        answer = asyncio.get_running_loop().create_future()
        # Who fails on one answer does not wait for the others; they need not be heard.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.open:
            self.requests.append(Request(connection, apply, answer))
        return answer

    def steps(self) -> list[Callable[[], None]]:
        """What may happen next: per connection one request arrives, and one answer."""
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


class ProducerModel:
    """Stands in for GroupFencedProducer: the calls that the product makes, over a Network to a KafkaModel.

    Args:
        kafka: The brokers.
        group: The group's coordinator.
        network: Of the worker that makes it.
        transactional_id: None for a producer without transactions.
        member: On whose behalf it commits offsets; None for a producer without transactions.
    """

    def __init__(
        self,
        kafka: KafkaModel,
        group: GroupModel,
        network: Network,
        transactional_id: str | None,
        member: GroupMember | None,
    ) -> None:
        self._kafka = kafka
        self._group = group
        self._network = network
        self._id = transactional_id
        self._member = member
        self._producer: tuple[str, int] | None = None
        self._sends: list[asyncio.Future[Any]] = []

    async def start(self) -> None:
        if self._id is not None:
            transactional_id = self._id
            epoch = await self._call(lambda: self._kafka.init_producer(transactional_id))
            self._producer = transactional_id, epoch

    async def stop(self) -> None:
        """Nothing is kept open."""

    async def begin_transaction(self) -> None:
        self._sends = []

    async def send(self, topic: str, *, value: bytes | None, partition: int, **_: Any) -> "asyncio.Future[Any]":
        sent = self._call(lambda: self._kafka.produce(self._producer, (topic, partition), value))
        self._sends.append(sent)
        return sent

    async def send_and_wait(self, topic: str, **record: Any) -> None:
        await (await self.send(topic, **record))

    async def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], group_id: str
    ) -> None:
        plain = {source.partition: Committed(*committed) for source, committed in offsets.items()}
        await self._call(lambda: self._add_offsets(plain))

    @property
    def client(self) -> "ProducerModel":
        """What `fetch_last_committed` gets."""
        return self

    async def last_committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Ask for committed offsets as they are, whatever transaction is open."""
        committed = await self._call(lambda: dict(self._kafka.committed))
        known = [source for source in partitions if source.partition in committed]
        return {source: OffsetAndMetadata(*committed[source.partition]) for source in known}

    async def commit_transaction(self) -> None:
        if self._sends:  # as the client: none before every record is written or has failed, whichever it was
            await asyncio.wait(self._sends)
        await self._call(lambda: self._kafka.end_transaction(self._owner(), commit=True))

    async def abort_transaction(self) -> None:
        await self._call(lambda: self._kafka.end_transaction(self._owner(), commit=False))

    def _add_offsets(self, offsets: Mapping[int, Committed]) -> None:
        assert self._member is not None
        self._group.check(self._member)
        self._kafka.add_offsets(self._owner(), offsets)

    def _owner(self) -> tuple[str, int]:
        assert self._producer is not None
        return self._producer

    def _call(self, apply: Callable[[], Any]) -> "asyncio.Future[Any]":
        return self._network.call(self, apply)
