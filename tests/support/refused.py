"""Dead letters for tests, and the inputs that are sent again."""

from collections.abc import Sequence
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import DeadLetter, Position, Record, Rejection
from schemas.topics import DEAD_LETTER, RAW
from streams.api.index.identity import id_of_input
from streams.clients.topic_reader import TopicReader
from streams.kafka.connection import KafkaConnection
from tests.support.brokers import Broker, Namespace

HOTELS = ("lisbon", "porto")
CODES = ("MissingHeader", "WrongKey")


def refused(namespace: Namespace, number: int) -> DeadLetter:
    """A dead letter: hotels take turns, codes in pairs; the input's value is the number."""
    headers = (
        ("ce_id", b"%d" % number),
        ("ce_source", b"/pbx"),
        ("ce_hotelid", HOTELS[number % 2].encode()),
        ("ce_callid", b"call-1"),
    )
    reason = Rejection("contract", CODES[number // 2 % 2], "ce_callid", "is required")
    original = replace(Record(b"call-1", b"%d" % number, headers), timestamp_ms=1_700_000_000_000)
    return DeadLetter(original, Position(f"{namespace.prefix}{RAW}", number % 8, number), reason)


def id_of(letter: DeadLetter) -> str:
    """The id of its recording in URLs."""
    return id_of_input(letter.original, letter.position)


async def write(broker: Broker, namespace: Namespace, letters: Sequence[DeadLetter]) -> None:
    """Write dead letters to their topic, each to the partition of its input."""
    topic = f"{namespace.prefix}{DEAD_LETTER}"
    producer = KafkaConnection(broker.bootstrap_servers).producer(max_request_size=2**24)
    await producer.start()
    try:
        for one in letters:
            record = one.to_record()
            headers = [(name, value) for name, value in record.headers if value is not None]
            await producer.send(topic, record.value, key=record.key, partition=one.position.partition, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


async def inputs(broker: Broker, namespace: Namespace) -> list[int]:
    """The numbers of the inputs that a worker would read, sorted.

    A broker answers a commit before it has written the markers of its transaction. So the ends are those of all
    records.
    """
    ends = await written(broker, namespace)
    async with TopicReader(broker.bootstrap_servers, f"{namespace.prefix}{RAW}") as reader:
        begins, _ = await reader.bounds()
        return sorted([int(message.value or b"") async for message in reader.between(begins, ends)])


async def written(broker: Broker, namespace: Namespace) -> dict[TopicPartition, int]:
    """The ends of the topic of inputs, also of transactions that are open."""
    async with AIOKafkaConsumer(f"{namespace.prefix}{RAW}", bootstrap_servers=broker.bootstrap_servers) as everything:
        return dict(await everything.end_offsets(list(everything.assignment())))
