"""A consumer of compressed audio."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TypeVar

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

from schemas import CompressedAudio, Rejection
from schemas.topics import COMPRESSED, KEYS
from streams.clients.calls import Call
from streams.clients.connecting import connection_to
from streams.clients.contents import MessageContents
from streams.clients.error_translation import translated_errors, unavailable
from streams.clients.errors import GroupRequiredError, HotelAudioError, MixedIterationError, PartitionsLostError
from streams.clients.group_membership import GroupMembership
from streams.clients.handled import ResultProgress
from streams.clients.key_view import KeyStoreSource, key_view_of
from streams.clients.open_calls import OpenCalls
from streams.clients.opening import RecordOpener
from streams.clients.quiet_times import QuietTimes
from streams.clients.result_files import ResultFiles
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.stopping import stopped_on_failure
from streams.stores import StoresConfiguration

_MAX_FETCH_BYTES = 10 * 2**20  # one record of the largest size
_POLL_MS = 500
_LEAVE_TIMEOUT = 10.0  # seconds for the last commit
_FETCH_LIMIT = 32 * 2**20  # of a file in bytes: seven hours of speech at the default level

_Content = TypeVar("_Content")
_Reading = TypeVar("_Reading", ResultProgress, OpenCalls)


class CompressedAudioConsumer:
    """Receives committed results; those of a call arrive in order.

    Use it as an async context manager, and iterate over it for single results, or over `calls` for whole calls. A
    record that is not a valid result, or cannot be read, arrives as a `Rejection`.

    With a group, its consumers share the partitions, and nothing is lost while none of them runs. What an iteration
    returned counts as handled when the next one is asked for, and when the ``async with`` is left without an error.
    Handled results are committed once a second, on leaving, and before partitions go to another consumer. So after a
    crash, what was not handled arrives again, and so may what was handled in the last second: at least once. With
    ``auto_commit=False``, `commit` alone commits. Without a group, each consumer gets all results from now on.

    A group that has read before reads partitions that are added to the topic from their start.

    The file of a large result lies in an object store. With ``stores`` it is fetched, and the result is as if it had
    come with it; files above ``fetch_limit`` stay where they are, so that memory is bounded, and the result's ``audio``
    is empty: use `files`. A file that is missing or has changed arrives as a `Rejection`. When a store fails, the
    iteration raises `StoresUnavailableError`, and continues with the same result when it is asked again.

    A sealed result is opened with ``key_store``, and is then as if it had come in clear. One that cannot be opened
    arrives as a `Rejection` of the stage ``open``, whose code says why: ``SealedErased``, ``SealedExpired``,
    ``SealedNoAccess``, ``SealedUnknown`` or ``SealedDamaged``. It counts as handled like any other result, and nothing
    stops. While the topic of keys cannot be read, the iteration raises `KeysUnavailableError`, and continues with the
    same result when it is asked again.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        topic: Full name of the topic, with the installation's prefix.
        group_id: Consumer group, or None.
        from_beginning: Whether a new group, or a consumer without one, starts at the oldest result; otherwise at the
            next one.
        auto_commit: Whether the group's offsets are committed by the iteration.
        stores: Object stores as in the setting AUDIO_STORES; or a configuration, for an account of its own. None to
            fetch nothing: then all large results have an empty ``audio``.
        fetch_limit: Bytes of a file that the iteration fetches, at most.
        key_store: The installation's key store as in the setting AUDIO_KEY_STORE, a `KeyStore`, or what opens it; None
            for results in clear alone. Keys are read when the first sealed result is met.
        keys: Full name of the topic of keys, with the installation's prefix.

    Attributes:
        files: Reads the file of any result, or saves it, wherever it lies and however large it is.

    Raises:
        InvalidAddressError: If brokers or stores are not given in the right form.
        BrokersUnavailableError: On entering, if no broker answers.
        TopicNotFoundError: On entering, if the topic does not exist.
        HotelAudioError: On entering, on leaving and while reading, for any other error of the brokers.
    """

    def __init__(
        self,
        bootstrap_servers: str | KafkaConnection,
        topic: str = COMPRESSED,
        *,
        group_id: str | None = None,
        from_beginning: bool = False,
        auto_commit: bool = True,
        stores: str | StoresConfiguration | None = None,
        fetch_limit: int = _FETCH_LIMIT,
        key_store: KeyStoreSource | None = None,
        keys: str = KEYS,
    ) -> None:
        self._topic = topic
        self._auto_commit = auto_commit
        self._connection = connection_to(bootstrap_servers)
        self._opener = RecordOpener(key_view_of(self._connection, keys, key_store))
        self.files = ResultFiles(stores, fetch_limit, self._opener.find)
        self._contents = MessageContents(self._opener, self.files)
        self._consumer = self._connection.consumer(
            group_id=group_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            # A group's start is set explicitly: this is for commits that are older than what the topic has kept.
            auto_offset_reset="earliest" if from_beginning or group_id is not None else "latest",
            max_partition_fetch_bytes=_MAX_FETCH_BYTES,
        )
        self._group = (
            None
            if group_id is None
            else GroupMembership(
                self._consumer, topic, group_id, from_beginning=from_beginning, auto_commit=auto_commit
            )
        )
        self._progress: ResultProgress | OpenCalls | None = None
        self._consumer.subscribe([topic], listener=self._group)

    async def __aenter__(self) -> Self:
        with self._translated_errors():
            async with stopped_on_failure(self._consumer), explained_refusal(self._connection):
                await self._consumer.start()
                if self._group is None:
                    # Otherwise "the next result" would be determined by the first fetch, some time after this returns.
                    for partition in self._consumer.assignment():
                        await self._consumer.position(partition)
                else:
                    await self._group.wait_until_ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._auto_commit:
                await self._last_commit(failed=error is not None)
        finally:
            self.files.close()
            with self._translated_errors():
                await self._opener.close()
                await self._consumer.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CompressedAudio | Rejection:
        progress = self._progress or self._begin(ResultProgress())
        if not isinstance(progress, ResultProgress):
            raise MixedIterationError("this consumer collects calls: make another one for single results")
        progress.handled()
        while True:
            message = await self._next_message()
            result = None if message is None else await self._while_assigned(message, self._contents.result(message))
            if message is not None and result is not None:
                break
        progress.give(message.partition, _following(message))
        return result

    async def calls(
        self, *, idle: float = 300.0, max_bytes: int = 256 * 2**20
    ) -> AsyncGenerator[Call | Rejection, None]:
        """Iterate over whole calls, each as soon as it has ended.

        A call ends when each of its streams has had its segment with ``ce_final``; where only some of them have, ten
        seconds after the next segment would be due. A call that never ends is returned as it is, and says so in its
        ``problems``, after `idle` seconds without a segment, or when it is the oldest one while all open calls together
        exceed `max_bytes`; what comes of it later is a further `Call`, which says so as well.

        The group's offsets are committed up to the first segment of the oldest call that is open or not handled yet,
        so that after a restart open calls are read again from their beginning. Calls that were handled by then do not
        arrive again, as far as the commit has room to name them: some 250 for each partition.

        Segments have their files as they came, and nothing is decoded; `Track.join` does that. Files above the
        consumer's ``fetch_limit`` stay in their store, see the class.

        Args:
            idle: Seconds without a segment, by the brokers' times.
            max_bytes: Most bytes of audio in open calls.

        Raises:
            MixedIterationError: If single results were read from this consumer before.
            HotelAudioError: For an error of the brokers.
        """
        progress = self._progress or self._begin(OpenCalls(round(idle * 1000), max_bytes))
        if not isinstance(progress, OpenCalls):
            raise MixedIterationError("this consumer has returned single results: make another one for calls")
        quiet = QuietTimes(self._consumer)
        while True:
            progress.handled()
            if (call := progress.next()) is not None:
                yield call
                continue
            message = await self._next_message()
            if message is None:
                for partition, milliseconds in quiet.passed():
                    progress.wait(partition, milliseconds)
                continue
            quiet.interrupt(message.partition)
            segment = await self._while_assigned(message, self._contents.segment(message))
            if isinstance(segment, Rejection):
                progress.give(message.partition, _following(message))
                yield segment
            elif segment is not None:
                progress.take(segment)

    async def commit(self) -> None:
        """Commit the group's offsets now, after all results or calls received so far: they count as handled.

        Raises:
            GroupRequiredError: Without a group.
            PartitionsLostError: If the group has given the partitions to another consumer.
            HotelAudioError: If the brokers do not answer, or refuse.
        """
        if self._group is None:
            raise GroupRequiredError("a consumer without a group commits nothing: give it a group_id")
        if self._progress is not None:
            self._progress.handled()
        with self._translated_errors():
            await self._group.commit()

    @property
    def unopened(self) -> Counter[str]:
        """How many sealed results could not be opened, by the code of their `Rejection`."""
        return self._opener.unopened

    @property
    def obstacle(self) -> str | None:
        """Why no sealed result can be opened at all, such as a missing key store; None if that is not known."""
        return self._opener.obstacle

    def _begin(self, progress: _Reading) -> _Reading:
        self._progress = progress
        if self._group is not None:
            self._group.follow(progress)
        return progress

    async def _next_message(self) -> ConsumerRecord | None:
        """The next record; None if there is none within half a second."""
        with self._translated_errors():
            if self._group is not None and self._auto_commit and self._group.is_ready:
                await self._group.commit_sometimes()
            for messages in (await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=1)).values():
                if self._group is None or self._group.is_ready:  # otherwise a rebalance came between
                    return messages[0]
        return None

    async def _while_assigned(self, message: ConsumerRecord, reading: Awaitable[_Content]) -> _Content | None:
        """What a message has; None if a rebalance came between, so that it will be read again."""
        generation = None if self._group is None else self._group.generation
        try:
            content = await reading
        except BaseException:  # a cancellation as well: nothing was handed out
            self._read_again(message)
            raise
        return content if self._group is None or self._group.generation == generation else None

    def _read_again(self, message: ConsumerRecord) -> None:
        # Where the partition is another consumer's by now, that one reads it.
        with contextlib.suppress(IllegalStateError):
            self._consumer.seek(TopicPartition(message.topic, message.partition), message.offset)

    async def _last_commit(self, *, failed: bool) -> None:
        """Commit what is handled: all that was returned, or all but the last one after an error."""
        if self._group is None or self._progress is None:
            return
        if not failed:
            self._progress.handled()
        try:
            with self._translated_errors():
                async with asyncio.timeout(_LEAVE_TIMEOUT):
                    await self._group.commit()
        except PartitionsLostError:
            pass  # their next owner reads it again
        except TimeoutError as error:
            if not failed:
                raise unavailable(self._connection) from error
        except HotelAudioError:
            if not failed:
                raise

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(self._connection, self._topic)


def _following(message: ConsumerRecord) -> int:
    """The offset after a record, or after a range of unreadable ones."""
    return message.next_offset if isinstance(message, Unreadable) else message.offset + 1
