from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import example, given

from schemas import Record
from schemas.record_size import batch_bytes, header_bytes, leading
from tests.contract.strategies import records


def encoded_bytes(record: Record) -> int:
    builder = DefaultRecordBatchBuilder(2, 0, 1, 1, 0, 0, 1)
    builder.append(0, 0, record.key, record.value, list(record.headers))
    return len(builder.build())


@given(records)
@example(Record(None, None))
@example(Record(b"", bytes(63)))
@example(Record(b"", bytes(64)))
@example(Record(bytes(8191), bytes(8192)))
@example(Record(None, bytes(2**20 - 1)))
@example(Record(None, bytes(2**20)))
@example(Record(None, b"", (("ü" * 40, bytes(70)), ("", None)) * 70))
def test_a_batchs_size_is_that_of_its_encoding(record: Record) -> None:
    assert batch_bytes(record) == encoded_bytes(record)


def test_the_first_headers_that_fit_are_kept() -> None:
    headers = (("a", b"1"), ("b", None), ("c", b"3"))
    sizes = [header_bytes(headers[:count]) for count in range(4)]
    assert [leading(headers, size) for size in sizes] == [headers[:count] for count in range(4)]
    assert leading(headers, sizes[2] - 1) == headers[:1]
