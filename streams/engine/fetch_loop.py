"""Moves fetched records into the agents' queues, at a fraction of the CPU time of Faust's own loop.

Faust 0.15.3 creates four tasks for each record and waits for them, so that a put into a full queue can be cancelled
when the flow stops; then it decodes the record, takes locks for acknowledgements, and calls its sensors. Here all
topics hold raw bytes and are never acknowledged: the loop puts records into the queues directly, and waits for room in
a queue once for several records.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, Self, cast

import faust
from aiokafka import ConsumerRecord
from aiokafka.errors import ConsumerStoppedError
from faust.transport.conductor import Conductor
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, EventT
from faust.types.tuples import ConsumerMessage
from mode import ServiceT
from mode.utils.queues import ThrowableQueue

from streams.kafka.protocol.unreadable import Unreadable


class UnreadableMessage(ConsumerMessage):
    """A Faust message that stands for an unreadable record or batch.

    Attributes:
        cause: What could not be read, and why.
    """

    cause: Unreadable

    @classmethod
    def of(cls, message: ConsumerMessage, cause: Unreadable) -> Self:
        """Create one from the message that Faust created."""
        made = cls(
            message.topic,
            message.partition,
            message.offset,
            message.timestamp,
            message.timestamp_type,
            message.headers,
            message.key,
            message.value,
            message.checksum,
            tp=message.tp,
            generation_id=message.generation_id,
        )
        made.cause = cause
        return made


#: Bytes of keys, values and headers at which a queue counts as full; the last record may exceed it.
_QUEUE_BYTES = 8 * 2**20


class EventQueue(ThrowableQueue[EventT[Any]]):
    """An agent's queue, bounded in events and in bytes, with an event that is set while there is room.

    Attributes:
        room: Cleared when the queue is full; set again when it is half empty, or was cleared.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bytes = 0
        self._sizes: deque[int] = deque()
        self.room = asyncio.Event()
        self.room.set()

    def clear(self) -> None:
        """Discard all events; Faust calls this in every rebalance."""
        super().clear()
        self._bytes = 0
        self._sizes.clear()
        self.room.set()

    def _put(self, event: EventT[Any]) -> None:
        super()._put(event)
        size = _size(event)
        self._sizes.append(size)
        self._bytes += size
        if self.full() or self._bytes >= _QUEUE_BYTES:
            self.room.clear()

    def _get(self) -> EventT[Any]:
        event: EventT[Any] = super()._get()
        self._bytes -= self._sizes.popleft()
        if self.qsize() <= self.maxsize // 2 and self._bytes <= _QUEUE_BYTES // 2:
            self.room.set()
        return event


def _size(event: EventT[Any]) -> int:
    message = cast("ConsumerMessage", event.message)
    headers = cast("Iterable[tuple[str, bytes | None]]", message.headers or ())
    size = len(message.key or b"") + len(message.value or b"")
    if isinstance(message, UnreadableMessage):
        size += len(message.cause.raw_headers or b"")
    return size + sum([len(name) + len(value or b"") for name, value in headers])


class FetchLoop(driver.Consumer):
    """Faust's consumer with a faster loop from fetch to queues."""

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await asyncio.sleep(0)  # a fetch that finds records at once never yields to the event loop
                records, active = await self._wait_next_records(1.0)
                if records and not self.should_stop:
                    await self._hand_over(records, active)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def _hand_over(self, records: RecordMap, active: Collection[TP] | None) -> None:
        """Put records into the queues until the flow stops; the remaining records are fetched again later."""
        app, generation = self.app, self.app.consumer_generation_id
        await app.producer.buffer.wait_until_ebb()
        queues = self._queues(records)
        for tp, record in self.scheduler.iterate(records):
            for queue in queues[tp]:
                await queue.room.wait()
            await app.flow_control.acquire()
            if not self.flow_active or app.consumer_generation_id != generation:
                return
            position = self._read_offset[tp]
            if (active is None or tp in active) and (position is None or record.offset >= position):
                message = self._to_message(tp, record)
                event = faust.Event(app, message.key, message.value, message.headers, message)
                for queue in queues[tp]:
                    queue.force_put_nowait(event)
                self._read_offset[tp] = record.next_offset - 1 if isinstance(record, Unreadable) else record.offset

    def _to_message(self, tp: TP, record: ConsumerRecord) -> ConsumerMessage:
        message = super()._to_message(tp, record)
        return UnreadableMessage.of(message, record) if isinstance(record, Unreadable) else message

    def _queues(self, tps: Collection[TP]) -> dict[TP, list[EventQueue]]:
        """The queues of the channels that read each partition."""
        readers = cast("Conductor", self.app.topics)._tp_index  # noqa: SLF001  there is no public access
        return {
            tp: [cast("EventQueue", cast("faust.Channel[Any]", channel).queue) for channel in readers[tp]] for tp in tps
        }
