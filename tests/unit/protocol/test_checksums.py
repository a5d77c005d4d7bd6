"""Batches of records as brokers send them: what is sound is read, the rest refused, as by aiokafka's own check."""

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.protocol.checksums import CheckedRecords

_ATTRIBUTES = 21


def batch(*values: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=1,
        producer_id=7,
        producer_epoch=1,
        base_sequence=0,
        batch_size=2**20,
    )
    for offset, value in enumerate(values):
        assert builder.append(offset, timestamp=1, key=b"call", value=value, headers=[("ce_id", b"1")])
    return bytes(builder.build())


def values(records: MemoryRecords) -> list[bytes]:
    found = []
    while records.has_next():
        found += [record.value for record in records.next_batch()]
    return found


def test_every_batch_is_read() -> None:
    assert values(CheckedRecords(batch(b"a", b"b" * 70_000) + batch(b"c"))) == [b"a", b"b" * 70_000, b"c"]


def test_a_batch_that_is_cut_short_is_left_out() -> None:
    records = CheckedRecords(batch(b"a") + batch(b"b")[:-1])
    assert values(records) == [b"a"]
    assert records.next_batch() is None


@pytest.mark.parametrize("at", [_ATTRIBUTES, _ATTRIBUTES + 30, -1], ids=["first byte", "middle", "last byte"])
def test_a_single_bit_is_noticed(at: int) -> None:
    damaged = bytearray(batch(b"a" * 100))
    damaged[at] ^= 0x10
    assert not MemoryRecords(bytes(damaged)).next_batch().validate_crc()
    records = CheckedRecords(batch(b"sound") + damaged)
    assert [record.value for record in records.next_batch()] == [b"sound"]
    with pytest.raises(CorruptRecordException, match="from offset 0"):
        records.next_batch()
