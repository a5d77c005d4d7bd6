"""Kafka clients of third parties, as senders and readers may use them."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer
from kafka import KafkaProducer
from kafka.errors import KafkaError as PythonKafkaError

from tests.chaos.records import Place, SentInput

_LINGER_MS = 100  # ms, so that batches have several records
_LARGEST = 9 * 2**20
_WITHIN_S = 60.0

#: Sends inputs to a topic; returns the position of each, None where the brokers did not confirm it. Blocks.
Client = Callable[[str, str, Sequence[SentInput]], Sequence[Place | None]]


def librdkafka(codec: str, partitioner: str) -> Client:
    """Make a sender with librdkafka, the client of C, Go, .NET and many others.

    Args:
        codec: Compression of batches.
        partitioner: ``consistent_random``, its own, or ``murmur2_random``, that of the Java client.
    """

    def send(servers: str, topic: str, inputs: Sequence[SentInput]) -> Sequence[Place | None]:
        places: list[Place | None] = [None] * len(inputs)
        producer = Producer(
            {
                "bootstrap.servers": servers,
                "compression.type": codec,
                "partitioner": partitioner,
                "linger.ms": _LINGER_MS,
                "batch.size": _LARGEST,
                "message.max.bytes": _LARGEST,
                "enable.idempotence": True,
                "message.timeout.ms": int(_WITHIN_S * 1000),
                "log_level": 0,  # brokers fail on purpose
            }
        )
        for number, sent in enumerate(inputs):

            def note(error: KafkaError | None, delivered: Message, number: int = number) -> None:
                if error is None:
                    places[number] = Place(delivered.partition(), delivered.offset())

            message = sent.planned.message
            producer.produce(
                topic,
                message.value,
                message.key,
                headers=list(message.headers),
                timestamp=sent.timestamp,
                on_delivery=note,
            )
            producer.poll(0)
        producer.flush(_WITHIN_S)
        return places

    return send


def kafka_python(codec: str) -> Client:
    """Make a sender with kafka-python, which is written in Python alone.

    Args:
        codec: Compression of batches.
    """

    def send(servers: str, topic: str, inputs: Sequence[SentInput]) -> Sequence[Place | None]:
        producer = KafkaProducer(
            bootstrap_servers=servers,
            compression_type=codec,
            acks="all",
            linger_ms=_LINGER_MS,
            max_request_size=_LARGEST,
            batch_size=_LARGEST,
        )
        try:
            return [_place(future) for future in [_handed_over(producer, topic, sent) for sent in inputs]]
        finally:
            producer.close(timeout=_WITHIN_S)

    return send


def _handed_over(producer: KafkaProducer, topic: str, sent: SentInput) -> Any:
    """Send an input; None if the library cannot: it has no headers without a value."""
    message = sent.planned.message
    headers = list(message.headers)
    if any(content is None for _, content in headers):
        return None
    return producer.send(topic, message.value, message.key, headers, timestamp_ms=sent.timestamp)


def _place(future: Any) -> Place | None:
    if future is None:
        return None
    try:
        metadata = future.get(_WITHIN_S)
    except PythonKafkaError:
        return None
    return Place(metadata.partition, metadata.offset)


#: Senders by name, with each codec and partitioner of these clients.
CLIENTS: dict[str, Client] = {
    "librdkafka, gzip": librdkafka("gzip", "consistent_random"),
    "librdkafka, snappy": librdkafka("snappy", "murmur2_random"),
    "librdkafka, lz4": librdkafka("lz4", "consistent_random"),
    "librdkafka, zstd": librdkafka("zstd", "murmur2_random"),
    "kafka-python, gzip": kafka_python("gzip"),
    "kafka-python, lz4": kafka_python("lz4"),
    "kafka-python, zstd": kafka_python("zstd"),
}
