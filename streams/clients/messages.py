"""Converts the Kafka client's messages into the contract's records."""

from aiokafka import ConsumerRecord

from schemas import Record


def record_of(message: ConsumerRecord) -> Record:
    """Convert a consumed message into a record."""
    return Record(message.key, message.value, tuple(message.headers), message.timestamp)
