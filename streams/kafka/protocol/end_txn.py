"""Commits or aborts a transaction, and returns the producer's next epoch.

Version 5 starts a new epoch with every transaction (KIP-890): a delayed write of one transaction can never become part
of the next one.
"""

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from streams.kafka.protocol.producer_id import ProducerIdAndEpoch
from streams.kafka.protocol.topic_array import NO_TAGS


class EndTxnResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """The transaction coordinator's answer to an `EndTxn`."""

    API_KEY = 26
    API_VERSION = 5
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )

    @property
    def producer(self) -> ProducerIdAndEpoch:
        """Producer id and epoch for the next transaction."""
        return ProducerIdAndEpoch(self.producer_id, self.producer_epoch)


class _EndTxnRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 26
    API_VERSION = 5
    RESPONSE_TYPE = EndTxnResponse
    SCHEMA = Schema(
        ("transactional_id", CompactString("utf-8")),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("committed", Boolean),
        ("tags", TaggedFields),
    )


class EndTxn(Request[_EndTxnRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Commits a transaction, or aborts it.

    Args:
        transactional_id: The transactional id.
        producer: Current producer id and epoch.
        committed: Whether to commit.
    """

    API_KEY = 26

    def __init__(self, transactional_id: str, producer: ProducerIdAndEpoch, *, committed: bool) -> None:
        self._fields = transactional_id, *producer, committed, NO_TAGS

    def build(self, request_struct_class: type[_EndTxnRequestStruct]) -> _EndTxnRequestStruct:
        """Fill in the request's fields."""
        return request_struct_class(*self._fields)
