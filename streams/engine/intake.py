"""Hands Faust's events to the lanes: declaration of the topics, and the body of every agent."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, cast

import faust
from faust.types import EventT, TopicT

from schemas import Position, Record
from streams.delivery.lanes import Lanes
from streams.delivery.outcome import Damage, InputRecord
from streams.engine.fetch_loop import UnreadableMessage


def raw_topic(app: faust.App, name: str, maxsize: int, **options: Any) -> TopicT:
    """Declare a topic of raw bytes that Faust reads and never acknowledges.

    Args:
        app: The app.
        name: The topic's full name.
        maxsize: Records that may be queued in memory.
        options: Further arguments of Faust's ``app.topic``.
    """
    return app.topic(
        name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
        allow_empty=True,  # we reject empty values ourselves; Faust would drop them as decoding errors
        maxsize=maxsize,
        **options,
    )


class EventStream(faust.Stream[Any]):
    """Faust's stream without a turn of the event loop and a dozen sensor calls for each event.

    It supports no processors, no merged streams and no acknowledgements; nothing here uses them.
    """

    async def events(self) -> AsyncIterator[EventT[Any]]:
        """Yield the events of the group's current generation; the partition's next owner reads all others again."""
        app, queue = self.app, cast("faust.Channel[Any]", self.channel).queue
        await self.maybe_start()
        try:
            while not self.should_stop:
                event: EventT[Any] = await queue.get()
                if app.flow_control.is_active() and event.message.generation_id == app.consumer_generation_id:
                    yield event
        except StopAsyncIteration:  # Faust puts it into the queue to stop the agent; a generator must not raise it
            return
        finally:
            await self.stop()


async def deliver(stream: faust.Stream[Any], lanes: Lanes, on_failure: Callable[[BaseException], None]) -> None:
    """Hand every event of the stream to its lane, in order; Faust itself acknowledges nothing.

    Args:
        stream: Stream of a topic declared with ``acks=False``.
        lanes: The lanes. A full lane blocks, which is the back-pressure on the fetch.
        on_failure: Ends the worker. On an error, Faust would drop the event and continue with the next one.
    """
    async for event in stream.noack().events():
        try:
            await lanes.submit(_input(event), event.message.generation_id)
        except Exception as error:  # noqa: BLE001  see on_failure above
            on_failure(error)


def _input(event: EventT[Any]) -> InputRecord:
    message = event.message
    damage = None
    if isinstance(message, UnreadableMessage):
        cause = message.cause
        damage = Damage(cause.rejection, cause.next_offset, cause.raw_headers, cause.cut)
    return InputRecord(
        Position(message.topic, message.partition, message.offset),
        Record(
            key=message.key,
            value=message.value,
            headers=tuple(cast("Iterable[tuple[str, bytes]]", message.headers or ())),
            timestamp_ms=_milliseconds(message.timestamp),
        ),
        damage,
    )


def _milliseconds(timestamp: float | None) -> int | None:
    """Convert seconds to milliseconds; None for -1, which stands for a record without a time and must not be sent."""
    return None if timestamp is None or timestamp < 0 else round(timestamp * 1000)
