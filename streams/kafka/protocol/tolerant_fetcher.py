"""A fetcher that continues after batches which cannot be read.

aiokafka 0.14 raises an error in every fetch of a batch that has a header name which is not UTF-8, a wrong checksum, or
a compression codec without an installed library; and one bad batch also blocks other partitions.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Sequence
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchError, OffsetResetStrategy
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaError,
    NoError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.util import create_task

from streams.kafka.protocol.fetch_state import ChecksumFailure, Fetched, FetchFailure, Pause
from streams.kafka.protocol.fetched_partition import FetchedPartition, TakeLimits
from streams.kafka.protocol.log_gaps import LOG_ERRORS, Gap, end_of_gap

log = logging.getLogger(__name__)

#: Bytes of records returned at a time; a larger record is returned alone.
_TAKE_BYTES = 4 * 2**20
#: Records returned at a time, by default.
_TAKE_RECORDS = 10_000
#: Seconds of decoding at a time: the event loop has to send heartbeats as well.
_TAKE_SECONDS = 0.1
#: Seconds before a partition of which the broker returns no records is fetched again: the first time, and later.
_FIRST_PAUSE, _ERROR_PAUSE = 0.1, 1.0
#: Seconds of failing fetches before the first log line, and between log lines.
_LOG_AFTER, _LOG_EVERY = 3.0, 60.0
_END_OFFSETS_TIMEOUT_MS = 5000
_NO_RECORDS_MESSAGE = (
    "no records can be had from offset %d of %s: its leader says %s. Look at its log and its disk; if they are bad, let"
    " a replica lead. The fetch is retried, other partitions go on; offsets that stay unreadable are skipped and logged"
)


class TolerantFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, but it returns limited amounts of records, and `Unreadable` for what cannot be read."""

    def configure(self, pauses: Sequence[float], patience: float, largest: int) -> None:
        """Add this class's attributes to an instance that was created as aiokafka's fetcher.

        Args:
            pauses: Seconds before each further fetch of a batch with a wrong checksum; after the last one it is
                reported as unreadable.
            patience: Seconds for which a broker may return no records of a partition before offsets are skipped.
            largest: Uncompressed bytes of the largest record that is returned whole.
        """
        self._pauses = pauses
        self._patience = patience
        self._largest = largest
        self._checksum_failures: dict[TopicPartition, ChecksumFailure] = {}
        self._fetch_failures: dict[TopicPartition, FetchFailure] = {}

    async def next_record(self, partitions: Collection[TopicPartition]) -> ConsumerRecord:
        """Wait for one record and return it."""
        while True:
            if self._closed:
                raise ConsumerStoppedError
            records = await self.fetched_records(partitions, self._fetcher_timeout, max_records=1)
            for [record] in records.values():
                return record

    async def fetched_records(
        self, partitions: Collection[TopicPartition], timeout: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return fetched records, up to the limits, and wait up to the timeout when there are none."""
        until = time.monotonic() + timeout
        while True:
            if self._subscriptions.reassignment_in_progress:
                await self._subscriptions.wait_for_assignment()
            records, unfinished = self._take(partitions, max_records or _TAKE_RECORDS)
            left = until - time.monotonic()
            if records or left <= 0:
                return records
            if unfinished:
                await asyncio.sleep(0)
                continue
            waiter = self._create_fetch_waiter()
            done, _ = await asyncio.wait([waiter], timeout=left)
            if not done or self._closed:
                waiter.cancel()
                return {}
            waiter.result()  # raises the coordinator's error, if any

    def _take(
        self, partitions: Collection[TopicPartition], most: int
    ) -> tuple[dict[TopicPartition, list[ConsumerRecord]], bool]:
        """Take fetched records up to the limits; also return whether a record was so long that decoding did not end."""
        taken: dict[TopicPartition, list[ConsumerRecord]] = {}
        size, unfinished = _TAKE_BYTES, False
        for tp in list(self._records):
            if partitions and tp not in partitions:
                if not self._subscriptions.is_assigned(tp):
                    del self._records[tp]
                continue
            fetched = self._records[tp]
            if isinstance(fetched, FetchError):
                if taken:
                    break  # the next call raises it
                self._drop(tp)
                fetched.check_raise()
            elif isinstance(fetched, Fetched):
                if records := self._take_of(tp, fetched, TakeLimits(size, most, _TAKE_SECONDS)):
                    taken[tp] = records
                    most -= len(records)
                    size -= fetched.batches.taken_bytes
                unfinished = unfinished or not (records or fetched.batches.exhausted)
                if most <= 0 or size <= 0:
                    break
        return taken, unfinished

    def _take_of(self, tp: TopicPartition, fetched: "Fetched", limits: TakeLimits) -> list[ConsumerRecord]:
        batches, state = fetched.batches, fetched.state(tp)
        if state is None or state.paused or state.position != batches.next_fetch_offset:
            self._drop(tp)  # a rebalance, a pause or a seek came between
            return []
        records = batches.take(limits)
        state.consumed_to(batches.next_fetch_offset)
        if batches.exhausted:
            self._drop(tp)
            if batches.checksum_failed:
                self._retry_checksum(tp, batches.next_fetch_offset)
        else:
            self._records.move_to_end(tp)  # the next call takes from other partitions first
        return records

    def _drop(self, tp: TopicPartition) -> None:
        """Discard the partition's state, so that it is fetched again."""
        self._records.pop(tp, None)
        self._notify(self._wait_consume_future)

    def _pause(self, tp: TopicPartition, seconds: float) -> None:
        """Stop fetching the partition for some seconds."""
        pause = self._records[tp] = Pause()

        def end() -> None:
            if self._records.get(tp) is pause:
                self._drop(tp)

        self._loop.call_later(seconds, end)

    def _retry_checksum(self, tp: TopicPartition, position: int) -> None:
        """Fetch a batch with a wrong checksum again, a few times: it may be intact on the broker's disk."""
        known = self._checksum_failures.get(tp)
        fetches = known.fetches + 1 if known is not None and known.position == position else 1
        self._checksum_failures[tp] = ChecksumFailure(position, fetches)
        if fetches == 1:
            log.warning("the batch at offset %d of %s does not match its checksum; fetching it again", position, tp)
        if fetches <= len(self._pauses):
            self._client.force_metadata_update()  # the leader may have changed
            self._pause(tp, self._pauses[fetches - 1])

    def _corrupt_at(self, tp: TopicPartition, position: int) -> int | None:
        """The position, if the batch there had a wrong checksum in all fetches; otherwise None."""
        known = self._checksum_failures.get(tp)
        if known is None or known.position != position:
            self._checksum_failures.pop(tp, None)
            return None
        return position if known.fetches > len(self._pauses) else None

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:  # noqa: ANN401
        try:
            response = await self._client.send(node_id, request)
        except KafkaError as error:
            log.error("Failed fetch messages from %s: %s", node_id, error)  # noqa: TRY400  as aiokafka says it
            with contextlib.suppress(asyncio.CancelledError):  # the consumer is stopping, and expects a return
                await asyncio.sleep(self._retry_backoff)
            return False
        except asyncio.CancelledError:
            return False
        if not assignment.active:
            return False
        asked = {
            TopicPartition(topic, partition): offset
            for topic, partitions in request.topics
            for partition, offset, _ in partitions
        }
        received = False
        for topic, partitions in response.topics:
            for partition, code, highwater, *rest in partitions:
                tp = TopicPartition(topic, partition)
                state = assignment.state_value(tp)
                if not state.has_valid_position or state.position != asked[tp]:
                    continue  # a seek came between
                if for_code(code) is not NoError:
                    received |= self._failed(tp, assignment, for_code(code))
                    continue
                state.highwater, state.lso, state.timestamp = highwater, rest[0], int(1000 * time.time())
                received |= self._fetched(tp, assignment, _aborted(response, rest), rest[-1])
        return received

    def _fetched(
        self,
        tp: TopicPartition,
        assignment: Any,  # noqa: ANN401  aiokafka has no types
        aborted: Collection[tuple[int, int]],
        data: bytes,
    ) -> bool:
        state = assignment.state_value(tp)
        position, committed = state.position, self._isolation_level == READ_COMMITTED
        batches = FetchedPartition(
            tp,
            data,
            aborted if committed else None,
            position,
            corrupt_at=self._corrupt_at(tp, position),
            largest=self._largest,
        )
        if not batches.empty:
            self._fetch_failures.pop(tp, None)
            self._records[tp] = Fetched(batches, assignment)
            return True
        if position < (state.lso if committed else state.highwater):
            self._fetch_failed(tp, assignment, "nothing, though it has records")
        else:
            self._fetch_failures.pop(tp, None)
        return False

    def _failed(self, tp: TopicPartition, assignment: Any, error: type[KafkaError]) -> bool:  # noqa: ANN401
        """Handle a broker's error for a partition; return whether waiting readers must be woken."""
        state = assignment.state_value(tp)
        if error in (NotLeaderForPartitionError, UnknownTopicOrPartitionError):
            self._client.force_metadata_update()
        elif error is TopicAuthorizationFailedError:
            self._set_error(tp, TopicAuthorizationFailedError(tp.topic))
            return True
        elif error is OffsetOutOfRangeError:
            log.warning("offset %d of %s is out of range", state.position, tp)
            if self._default_reset_strategy == OffsetResetStrategy.NONE:
                self._set_error(tp, OffsetOutOfRangeError({tp: state.position}))
                return True
            state.await_reset(self._default_reset_strategy)
        else:
            self._fetch_failed(tp, assignment, error.__name__, skippable=error in LOG_ERRORS)
        return False

    def _fetch_failed(self, tp: TopicPartition, assignment: Any, reason: str, *, skippable: bool = True) -> None:  # noqa: ANN401
        """Log a failing partition, fetch it again after a pause, and finally skip its unreadable offsets."""
        position, now = assignment.state_value(tp).position, time.monotonic()
        known = self._fetch_failures.get(tp)
        if known is None or known.position != position:
            self._fetch_failures[tp] = FetchFailure(position, now, logged_at=now - _LOG_EVERY + _LOG_AFTER)
            self._pause(tp, _FIRST_PAUSE)
            return
        if now > known.logged_at + _LOG_EVERY:
            self._fetch_failures[tp] = known._replace(logged_at=now)
            log.error(_NO_RECORDS_MESSAGE, position, tp, reason)
        if skippable and now > known.since + self._patience:
            self._records[tp] = pause = Pause()
            self._pending_tasks.add(create_task(self._skip_gap(tp, assignment, reason, pause)))
        else:
            self._pause(tp, _ERROR_PAUSE)

    async def _skip_gap(self, tp: TopicPartition, assignment: Any, reason: str, pause: Pause) -> bool:  # noqa: ANN401
        """Replace offsets that the leader does not return by a `Gap`, if there are readable offsets after them."""
        state, isolation = assignment.state_value(tp), self._isolation_level
        position, end = state.position, None
        try:
            node = self._client.cluster.leader_for_partition(tp)
            log_end = (await self.end_offsets([tp], _END_OFFSETS_TIMEOUT_MS))[tp]
            end = await end_of_gap(self._client, node, tp, isolation, position=position, end=log_end)
        except asyncio.CancelledError:
            return False
        except KafkaError as error:
            log.warning("nothing is known of what follows offset %d of %s: %r", position, tp, error)
        if self._records.get(tp) is not pause:
            return False
        if end is None:
            self._pause(tp, self._patience)
            return False
        log.error("offsets %d to %d of %s are lost: its leader says %s", position, end - 1, tp, reason)
        self._records[tp] = Fetched(Gap(tp, position, end, reason), assignment)
        return True


def _aborted(response: Any, rest: list[Any]) -> Collection[tuple[int, int]]:  # noqa: ANN401  aiokafka has no types
    """Producer ids and first offsets of aborted transactions in a fetch response."""
    return rest[2 if response.API_VERSION >= 11 else -2] or ()  # noqa: PLR2004  one more field follows from there on
