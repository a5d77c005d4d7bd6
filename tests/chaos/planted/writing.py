"""Bugs in how outputs and offsets are written."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.delivery import transactions
from streams.delivery.outcome import Output
from streams.delivery.transactions import Batch, GroupProducer
from tests.chaos.planted.patch import Patch

_IMPATIENCE_S = 1.0
_SMALL_REQUEST_BYTES = 2**14


def commit_before_produce(patch: Patch) -> None:
    """Commit the offset, then write the outputs."""

    async def commit(self: GroupProducer, producer: AIOKafkaProducer, batches: Sequence[Batch]) -> None:
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction(self._offsets(batches), self._member.group)
        await producer.commit_transaction()
        await producer.begin_transaction()
        await asyncio.gather(
            *[
                await producer.send(output.topic, **_record(batch, output))
                for batch in batches
                for output in batch.outputs
            ]
        )
        await producer.commit_transaction()

    patch(GroupProducer, "_commit", commit)


def commit_the_last_offset(patch: Patch) -> None:
    """Commit the offset of the last input instead of the one behind it."""
    write = GroupProducer.commit

    async def commit(self: GroupProducer, batches: Sequence[Batch]) -> None:
        await write(self, [batch._replace(next_offset=batch.next_offset - 1) for batch in batches])

    patch(GroupProducer, "commit", commit)


def skip_an_abort(patch: Patch) -> None:
    """Abort a transaction that takes too long or fails, and go on with the next batch as if it had been written."""
    write = GroupProducer.commit

    async def commit(self: GroupProducer, batches: Sequence[Batch]) -> None:
        try:
            await write(self, batches)
        except (KafkaError, TimeoutError):
            assert self._producer is not None
            await self._producer.abort_transaction()

    patch(transactions, "_COMMIT_TIMEOUT", _IMPATIENCE_S)
    patch(GroupProducer, "commit", commit)


def swallow_a_send_error(patch: Patch) -> None:
    """Commit a transaction whatever came of its writes; larger ones fail, by a limit that is too small."""

    async def commit(self: GroupProducer, producer: AIOKafkaProducer, batches: Sequence[Batch]) -> None:
        await producer.begin_transaction()
        pending = []
        for batch in batches:
            for output in batch.outputs:
                with contextlib.suppress(KafkaError):
                    pending.append(await producer.send(output.topic, **_record(batch, output)))
        await producer.send_offsets_to_transaction(self._offsets(batches), self._member.group)
        await asyncio.gather(*pending, return_exceptions=True)
        await producer.commit_transaction()

    patch(transactions, "_MAX_REQUEST_BYTES", _SMALL_REQUEST_BYTES)
    patch(GroupProducer, "_commit", commit)


def results_outside_the_transaction(patch: Patch) -> None:
    """Write results with a producer of their own, then commit their offset."""
    _write_outside(patch, dead_letters=False)


def dead_letters_outside_the_transaction(patch: Patch) -> None:
    """Write dead letters with a producer of their own, then commit their offset."""
    _write_outside(patch, dead_letters=True)


def partition_by_key(patch: Patch) -> None:
    """Let the key decide on an output's partition instead of its input's."""
    make = GroupProducer._new_producer

    def with_partitioner(self: GroupProducer, name: str) -> AIOKafkaProducer:
        producer = make(self, name)
        send = producer.send

        async def send_by_key(topic: str, *, partition: int, **record: Any) -> "asyncio.Future[Any]":
            del partition
            sent: asyncio.Future[Any] = await send(topic, **record)
            return sent

        producer.send = send_by_key
        return producer

    patch(GroupProducer, "_new_producer", with_partitioner)


def _write_outside(patch: Patch, *, dead_letters: bool) -> None:
    write = GroupProducer._commit
    plain: dict[str, AIOKafkaProducer] = {}

    async def commit(self: GroupProducer, producer: AIOKafkaProducer, batches: Sequence[Batch]) -> None:
        servers = self._bootstrap_servers
        if servers not in plain:
            plain[servers] = transactions.GroupFencedProducer(  # type: ignore[attr-defined]  # whatever the product takes
                member=self._member, bootstrap_servers=servers, max_request_size=transactions._MAX_REQUEST_BYTES
            )
            await plain[servers].start()
        inside = []
        for batch in batches:
            outside = [output for output in batch.outputs if ("dead" in output.topic) == dead_letters]
            for output in outside:
                await plain[servers].send_and_wait(output.topic, **_record(batch, output))
            inside.append(batch._replace(outputs=[output for output in batch.outputs if output not in outside]))
        await write(self, producer, inside)

    patch(GroupProducer, "_commit", commit)


def _record(batch: Batch, output: Output) -> dict[str, Any]:
    record = output.record
    return {
        "key": record.key,
        "value": record.value,
        "partition": batch.source.partition,
        "timestamp_ms": record.timestamp_ms,
        "headers": list(record.headers),
    }
