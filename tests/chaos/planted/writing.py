"""Bugs in how outputs and offsets are written."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.delivery import transactions
from streams.delivery.outcome import Output
from streams.delivery.transactions import PartitionProducer
from tests.chaos.planted.patch import Patch

_IMPATIENCE_S = 1.0
_SMALL_REQUEST_BYTES = 2**14


def commit_before_produce(patch: Patch) -> None:
    """Commit the offset, then write the outputs."""

    async def commit(
        self: PartitionProducer, producer: AIOKafkaProducer, outputs: Sequence[Output], next_offset: int
    ) -> None:
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
        await producer.commit_transaction()
        await producer.begin_transaction()
        await asyncio.gather(*[await producer.send(output.topic, **_record(self, output)) for output in outputs])
        await producer.commit_transaction()

    patch(PartitionProducer, "_commit", commit)


def commit_the_last_offset(patch: Patch) -> None:
    """Commit the offset of the last input instead of the one behind it."""
    write = PartitionProducer.commit

    async def commit(self: PartitionProducer, outputs: Sequence[Output], next_offset: int) -> None:
        await write(self, outputs, next_offset - 1)

    patch(PartitionProducer, "commit", commit)


def skip_an_abort(patch: Patch) -> None:
    """Abort a transaction that takes too long or fails, and go on with the next batch as if it had been written."""
    write = PartitionProducer.commit

    async def commit(self: PartitionProducer, outputs: Sequence[Output], next_offset: int) -> None:
        try:
            await write(self, outputs, next_offset)
        except (KafkaError, TimeoutError):
            assert self._producer is not None
            await self._producer.abort_transaction()

    patch(transactions, "_COMMIT_TIMEOUT", _IMPATIENCE_S)
    patch(PartitionProducer, "commit", commit)


def swallow_a_send_error(patch: Patch) -> None:
    """Commit a transaction whatever came of its writes; larger ones fail, by a limit that is too small."""

    async def commit(
        self: PartitionProducer, producer: AIOKafkaProducer, outputs: Sequence[Output], next_offset: int
    ) -> None:
        await producer.begin_transaction()
        pending = []
        for output in outputs:
            with contextlib.suppress(KafkaError):
                pending.append(await producer.send(output.topic, **_record(self, output)))
        await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
        await asyncio.gather(*pending, return_exceptions=True)
        await producer.commit_transaction()

    patch(transactions, "_MAX_REQUEST_BYTES", _SMALL_REQUEST_BYTES)
    patch(PartitionProducer, "_commit", commit)


def results_outside_the_transaction(patch: Patch) -> None:
    """Write results with a producer of their own, then commit their offset."""
    _write_outside(patch, dead_letters=False)


def dead_letters_outside_the_transaction(patch: Patch) -> None:
    """Write dead letters with a producer of their own, then commit their offset."""
    _write_outside(patch, dead_letters=True)


def partition_by_key(patch: Patch) -> None:
    """Let the key decide on an output's partition instead of its input's."""
    make = PartitionProducer._new_producer

    def with_partitioner(self: PartitionProducer) -> AIOKafkaProducer:
        producer = make(self)
        send = producer.send

        async def send_by_key(topic: str, *, partition: int, **record: Any) -> "asyncio.Future[Any]":
            del partition
            sent: asyncio.Future[Any] = await send(topic, **record)
            return sent

        producer.send = send_by_key
        return producer

    patch(PartitionProducer, "_new_producer", with_partitioner)


def _write_outside(patch: Patch, *, dead_letters: bool) -> None:
    write = PartitionProducer._commit
    plain: dict[str, AIOKafkaProducer] = {}

    async def commit(
        self: PartitionProducer, producer: AIOKafkaProducer, outputs: Sequence[Output], next_offset: int
    ) -> None:
        servers = self._bootstrap_servers
        if servers not in plain:
            plain[servers] = transactions.AIOKafkaProducer(  # type: ignore[attr-defined]  # whatever the product takes
                bootstrap_servers=servers, max_request_size=transactions._MAX_REQUEST_BYTES
            )
            await plain[servers].start()
        outside = [output for output in outputs if ("dead" in output.topic) == dead_letters]
        for output in outside:
            await plain[servers].send_and_wait(output.topic, **_record(self, output))
        await write(self, producer, [output for output in outputs if output not in outside], next_offset)

    patch(PartitionProducer, "_commit", commit)


def _record(producer: PartitionProducer, output: Output) -> dict[str, Any]:
    record = output.record
    return {
        "key": record.key,
        "value": record.value,
        "partition": producer._source.partition,
        "timestamp_ms": record.timestamp_ms,
        "headers": list(record.headers),
    }
