"""From a fetch to the agents' queues, at a fraction of what Faust's own loop takes.

Faust 0.15.3 makes four tasks and a wait of each record, so that a delivery to a full queue ends when the flow stops,
and tells its sensors about each. Here a record is handed over in a plain call, and the loop waits before it, for room:
once for several records.
"""

import asyncio
from collections.abc import Collection
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import ServiceT


class FetchLoop(driver.Consumer):
    """Faust's consumer, with this loop.

    It leaves out what Faust does for topics that it acknowledges: none of an app of ours is one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._crowded: set[TP] = set()
        self._room = asyncio.Event()

    def on_buffer_full(self, tp: TP) -> None:
        """Hear that a queue is nearly full: the next record waits until it is nearly empty.

        Faust would take the partition off the fetch list, and sleep a second when the list is empty.
        """
        self._crowded.add(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        """Hear that a queue has room again."""
        self._crowded.discard(tp)
        if not self._crowded:
            self._room.set()

    def stop_flow(self) -> None:
        """Hand over nothing more, nor wait for room."""
        super().stop_flow()
        self._forget_queues()

    def resume_flow(self) -> None:
        """Go on; Faust has emptied its queues by now, without a word to `on_buffer_drop`."""
        super().resume_flow()
        self._forget_queues()

    def _forget_queues(self) -> None:
        self._crowded.clear()
        self._room.set()

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await asyncio.sleep(0)  # a fetch that finds records at once never lets go of the event loop
                records, active = await self._wait_next_records(1.0)
                if records and not self.should_stop:
                    await self._hand_over(records, active)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def _hand_over(self, records: RecordMap, active: Collection[TP] | None) -> None:
        """Put records into their agents' queues, until the flow stops: then all of them are read again."""
        generation = self.app.consumer_generation_id
        for tp, record in self.scheduler.iterate(records):
            if self._crowded:
                self._room.clear()
                await self._room.wait()
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            position = self._read_offset[tp]
            if (active is None or tp in active) and (position is None or record.offset >= position):
                await self.callback(self._to_message(tp, record))
                self._read_offset[tp] = record.offset
