"""From what the client library hands over to the contract's records."""

from aiokafka import ConsumerRecord

from schemas import Record


def record_of(message: ConsumerRecord) -> Record:
    """A consumed message as a record."""
    return Record(message.key, message.value, tuple(message.headers), message.timestamp)
