"""Bugs in writing outputs and offsets."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from schemas import Record
from streams.delivery import transactions
from streams.delivery.outcome import Output
from streams.delivery.transactions import Batch, GroupProducer
from streams.kafka.transactional_writer import TransactionalWriter, run_concurrently
from tests.chaos.seeded_bugs.patch import Patch

_IMPATIENCE_S = 1.0
_TOO_SMALL_BYTES = 2**14


def commit_before_produce(patch: Patch) -> None:
    """Commit the offset, then write the outputs."""

    async def commit(self: GroupProducer, writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        await writer.commit_offsets(self._member, self._offsets(batches))
        await writer.commit()
        if outputs := transactions._by_partition(batches):
            await writer.write(outputs)
            await writer.commit()

    patch(GroupProducer, "_commit", commit)


def commit_the_last_offset(patch: Patch) -> None:
    """Commit the offset of the last input instead of the next one."""
    write = GroupProducer.commit

    async def commit(self: GroupProducer, batches: Sequence[Batch]) -> None:
        await write(self, [batch._replace(next_offset=batch.next_offset - 1) for batch in batches])

    patch(GroupProducer, "commit", commit)


def skip_an_abort(patch: Patch) -> None:
    """Abort a transaction that is slow or fails, and continue with the next batch."""
    write = GroupProducer.commit

    async def commit(self: GroupProducer, batches: Sequence[Batch]) -> None:
        try:
            await write(self, batches)
        except (KafkaError, TimeoutError):
            await _restart(self)

    patch(transactions, "_COMMIT_TIMEOUT", _IMPATIENCE_S)
    patch(GroupProducer, "commit", commit)


def swallow_a_send_error(patch: Patch) -> None:
    """Commit a transaction without checking its writes; large ones fail because of a low limit."""

    async def write(writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        with contextlib.suppress(KafkaError):
            if any(len(output.record.value or b"") > _TOO_SMALL_BYTES for batch in batches for output in batch.outputs):
                raise MessageSizeTooLargeError
            await writer.write(transactions._by_partition(batches))

    async def commit(self: GroupProducer, writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        await run_concurrently(write(writer, batches), writer.commit_offsets(self._member, self._offsets(batches)))
        await writer.commit()

    patch(GroupProducer, "_commit", commit)


def results_outside_the_transaction(patch: Patch) -> None:
    """Write results in a separate transaction, then commit their offset."""
    write_outside(patch, lambda output: "dead" not in output.topic)


def dead_letters_outside_the_transaction(patch: Patch) -> None:
    """Write dead letters in a separate transaction, then commit their offset."""
    write_outside(patch, lambda output: "dead" in output.topic)


def partition_by_key(patch: Patch) -> None:
    """Choose an output's partition by its key instead of its input's partition."""
    write = TransactionalWriter.write
    choose = DefaultPartitioner()

    async def write_by_key(self: TransactionalWriter, outputs: Mapping[TopicPartition, Sequence[Record]]) -> None:
        chosen: defaultdict[TopicPartition, list[Record]] = defaultdict(list)
        for (topic, _), records in outputs.items():
            partitions = sorted(await self._client._wait_on_metadata(topic))
            for record in records:
                chosen[TopicPartition(topic, choose(record.key, partitions, partitions))].append(record)
        await write(self, chosen)

    patch(TransactionalWriter, "write", write_by_key)


def write_outside(patch: Patch, is_outside: Callable[[Output], bool]) -> None:
    """Write some of the outputs in a separate transaction, then the others with their offsets."""
    write = GroupProducer._commit

    async def commit(self: GroupProducer, writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        outside, inside = [], []
        for batch in batches:
            apart = [output for output in batch.outputs if is_outside(output)]
            outside.append(batch._replace(outputs=apart))
            inside.append(batch._replace(outputs=[output for output in batch.outputs if output not in apart]))
        if outputs := transactions._by_partition(outside):
            apart_writer = type(writer)(self._client, self._transactional_id(f"{_name(self)}-apart"))
            await apart_writer.start()
            await apart_writer.write(outputs)
            await apart_writer.commit()
        await write(self, writer, inside)

    patch(GroupProducer, "_commit", commit)


async def _restart(producer: GroupProducer) -> None:
    """Abort a producer's transaction by starting one with the same id."""
    assert producer._writer is not None
    producer._writer = type(producer._writer)(producer._client, producer._transactional_id(_name(producer)))
    await producer._writer.start()


def _name(producer: GroupProducer) -> str:
    return transactions._name(producer._member)
