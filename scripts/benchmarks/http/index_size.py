"""How large the index of many recordings becomes, how fast it is filled, and how fast it answers; without brokers."""

import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka import ConsumerRecord

from schemas import MediaType, Position, RawAudio, Record
from schemas.record import TopicPartition
from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.http.open_loop import percentile_ms
from scripts.benchmarks.http.sending import result_of
from streams.api.index.changes import TOPICS, change_of
from streams.api.index.identity import recording_id
from streams.api.index.result_index import ResultIndex
from streams.api.routes.uploads import SOURCE

_PARTITIONS, _BATCH = 8, 1000
_HOTELS, _SEGMENTS = 500, 10  # of the installation; of a call
_FIRST_MS, _APART_MS = 1_790_000_000_000, 40  # times of the recordings
_READS, _PAGES = 20_000, 500
_PAGE = "WHERE hotel IN (?) AND time_ms < ? ORDER BY time_ms DESC, id DESC LIMIT 51"
_NUMBERS = {name: number for number, name in enumerate(TOPICS)}


@dataclass(frozen=True, slots=True)
class IndexSize:
    """An index of many recordings, each with its result.

    Attributes:
        rows: Recordings.
        megabytes: Size of its file.
        rate: Records a second that it was filled with.
        cpu_us: Processor time of each, in microseconds.
        get_p50_us: Median time to find a recording by its id, in microseconds.
        get_p99_us: Of 99 % of them.
        page_p99_ms: Of 99 % of pages of 50 recordings of a hotel, in milliseconds.
        most_mb: Memory of the process.
    """

    rows: int
    megabytes: int
    rate: int
    cpu_us: float
    get_p50_us: float
    get_p99_us: float
    page_p99_ms: float
    most_mb: int


def measure_index(directory: Path, rows: int, done: Callable[[int], None]) -> IndexSize:
    """Fill an index as the feeder does, and ask it.

    Args:
        directory: For its file.
        rows: Recordings.
        done: Called with the number of those that it has.
    """
    path = directory / "index.sqlite"
    index = ResultIndex(path, TOPICS)
    filling, cpu = 0.0, 0.0
    for first in range(0, rows, _BATCH):
        numbers = range(first, min(first + _BATCH, rows))
        records = [_input(number) for number in numbers] + [_result(number) for number in numbers]
        began, before = time.perf_counter(), time.process_time()
        changes = [change_of(one, one.topic, _NUMBERS) for one in records]
        index.write([one for one in changes if one is not None], {TopicPartition(RAW, 0): first})
        filling, cpu = filling + time.perf_counter() - began, cpu + time.process_time() - before
        done(numbers.stop)
    chance = random.Random(7)  # noqa: S311  which recording is asked for is no secret
    gets = [_seconds(lambda: index.get(recording_id(SOURCE, f"{chance.randrange(rows)}"))) for _ in range(_READS)]
    pages = [_seconds(lambda: index.select(_PAGE, _page(chance.randrange(rows)))) for _ in range(_PAGES)]
    index.close()
    return IndexSize(
        rows=rows,
        megabytes=path.stat().st_size // 2**20,
        rate=round(2 * rows / filling),
        cpu_us=round(1e6 * cpu / (2 * rows), 1),
        get_p50_us=round(1000 * percentile_ms(gets, 0.5), 1),
        get_p99_us=round(1000 * percentile_ms(gets, 0.99), 1),
        page_p99_ms=round(percentile_ms(pages, 0.99), 2),
        most_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10,
    )


def _input(number: int) -> ConsumerRecord:
    event = RawAudio(str(number), SOURCE, _hotel(number), _call(number), MediaType("audio/PCMU"), bytes(64))
    return _message(RAW, number, event.to_record(), 0)


def _result(number: int) -> ConsumerRecord:
    event = result_of(str(number), _hotel(number), _call(number), Position(RAW, number % _PARTITIONS, number))
    return _message(COMPRESSED, number, replace(event, audio=bytes(64)).to_record(), 500)


def _message(topic: str, number: int, record: Record, later_ms: int) -> ConsumerRecord:
    time_ms = _FIRST_MS + number * _APART_MS + later_ms
    return ConsumerRecord(
        topic, number % _PARTITIONS, number, time_ms, 1, record.key, record.value, None, 0, 0, record.headers
    )


def _hotel(number: int) -> str:
    return f"hotel-{number // _SEGMENTS % _HOTELS}"


def _call(number: int) -> str:
    return f"call-{number // _SEGMENTS:012}"


def _page(number: int) -> list[str | int | bytes | None]:
    return [_hotel(number), _FIRST_MS + number * _APART_MS]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
