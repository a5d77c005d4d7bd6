"""Upper bounds without Kafka: the codec call alone, or all of the product's own work, on records in memory.

Reads the given number of records from the topic, processes them, and prints CPU, time and checksums as JSON.
"""

import json
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from queue import Empty, SimpleQueue

from confluent_kafka import Consumer, KafkaException, Message
from threadpoolctl import threadpool_limits

from agents.compress.pipeline import Pipeline
from schemas import Position, Record, Rejection
from scripts.benchmarks.streaming.coding import ENCODER_HEADER, encode
from scripts.benchmarks.streaming.peers.arguments import THREADS, Arguments, arguments, parser
from scripts.benchmarks.streaming.records import number_of
from scripts.benchmarks.streaming.systems import CEILINGS, CODEC
from streams.audio import decode
from streams.cache import Lifetime, TieredCache
from streams.compression import DEFAULT_POLICY, NO_PRESSURE
from streams.delivery.outcome import InputRecord
from streams.runtime.settings import Settings

_AT_ONCE = 500
_PATIENCE_S = 10.0

Work = Callable[[InputRecord], bytes]


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of the work.

    Attributes:
        cpu_s: Processor seconds of all threads.
        wall_s: Seconds on the clock.
        files: Checksum of each file, by the record's number.
    """

    cpu_s: float
    wall_s: float
    files: dict[int, int]


def main(argv: Sequence[str] | None = None) -> None:
    """Read the records, process them, and print the measurements."""
    made = parser(__doc__)
    made.add_argument("--work", choices=CEILINGS, required=True)
    made.add_argument("--level", type=int, required=True, help="compression level of the product")
    made.add_argument("--warm-up", type=int, required=True, help="records before the measurement")
    made.add_argument("--records", type=int, required=True, help="measured records")
    options = made.parse_args(argv)
    threadpool_limits(1)  # as in the worker
    items = _taken(arguments(options), options.warm_up + options.records)
    work = code if options.work == CODEC else product(options.level)
    _measured(work, items[: options.warm_up])
    json.dump(asdict(_measured(work, items[options.warm_up :])), sys.stdout)


def product(level: int) -> Work:
    """The whole work of the worker's threads for a record, at a fixed level."""
    settings = Settings(compression_level=level)
    pipeline = Pipeline(
        settings,
        decode=decode,
        policy_of=lambda _hotel: DEFAULT_POLICY,
        pressure=lambda: NO_PRESSURE,
        cache=TieredCache(settings.cache_bytes, Lifetime(settings.cache_ttl), time.time, lambda _reason, _count: None),
    )

    def compress(record: InputRecord) -> bytes:
        with pipeline.gate:
            made = pipeline.run(record.content, record.position, _not_found)
            if isinstance(made, Rejection):
                raise TypeError(f"{record.position} is refused: {made.message}")
            return made.result.to_record().value or b""

    return compress


def _not_found(_key: bytes) -> None:
    """Find no cached file: there is no cache table."""


def code(record: InputRecord) -> bytes:
    """The codec call."""
    return encode(record.content.value or b"", dict(record.content.headers)[ENCODER_HEADER] or b"")


def _taken(setup: Arguments, count: int) -> list[InputRecord]:
    """The first `count` records in order, with uncommitted ones."""
    consumer = Consumer(
        {
            "bootstrap.servers": setup.bootstrap_servers,
            "group.id": setup.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
        }
    )
    consumer.subscribe([setup.source])
    taken: list[InputRecord] = []
    last = time.monotonic()
    while len(taken) < count:
        batch = consumer.consume(_AT_ONCE, 1.0)
        taken += map(_input, batch)
        last = time.monotonic() if batch else last
        if time.monotonic() - last > _PATIENCE_S:
            raise TimeoutError(f"{len(taken)} of {count} records came")
    consumer.close()
    return sorted(taken, key=_number)


def _input(message: Message) -> InputRecord:
    if message.error() is not None:
        raise KafkaException(message.error())
    record = Record(message.key(), message.value(), tuple(message.headers()), message.timestamp()[1])
    return InputRecord(Position(message.topic(), message.partition(), message.offset()), record)


def _number(record: InputRecord) -> int:
    return number_of(record.content.headers)


def _measured(work: Work, items: Sequence[InputRecord]) -> Measured:
    waiting: SimpleQueue[InputRecord] = SimpleQueue()
    for record in items:
        waiting.put(record)
    done: list[tuple[InputRecord, bytes]] = []
    cpu, wall = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        shares = [pool.submit(_work_off, work, waiting, done) for _ in range(THREADS)]
    for share in shares:
        share.result()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Measured(cpu, wall, {_number(record): zlib.crc32(file) for record, file in done})


def _work_off(work: Work, waiting: "SimpleQueue[InputRecord]", done: list[tuple[InputRecord, bytes]]) -> None:
    while True:
        try:
            record = waiting.get_nowait()
        except Empty:
            return
        done.append((record, work(record)))


if __name__ == "__main__":
    main()
