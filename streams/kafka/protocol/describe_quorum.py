"""The state of the controllers' quorum, by the clock of its leader; aiokafka 0.14 has no such request."""

from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from streams.kafka.protocol.topic_array import NO_TAGS

_LOG = "__cluster_metadata"
_TEXT = CompactString("utf-8")
_REPLICAS = CompactArray(
    ("replica_id", Int32),
    ("log_end_offset", Int64),
    ("last_fetch_timestamp", Int64),
    ("last_caught_up_timestamp", Int64),
    ("tags", TaggedFields),
)


class DescribeQuorumResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """A broker's answer to a `DescribeQuorum`."""

    API_KEY = 55
    API_VERSION = 1
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "topics",
            CompactArray(
                ("topic_name", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("high_watermark", Int64),
                        ("current_voters", _REPLICAS),
                        ("observers", _REPLICAS),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )

    def leaders_clock(self) -> int | None:
        """The time of the answer by the leader's clock, in milliseconds since the Unix epoch, if it says it."""
        for _, partitions, _ in self.topics:
            for _, _, leader, _, _, voters, *_ in partitions:
                times = [caught_up for replica, _, _, caught_up, _ in voters if replica == leader]
                if times and times[0] > 0:
                    return int(times[0])
        return None


class _DescribeQuorumRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 1
    RESPONSE_TYPE = DescribeQuorumResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_name", _TEXT),
                ("partitions", CompactArray(("partition_index", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeQuorum(Request[_DescribeQuorumRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Asks for the state of the quorum; needs Kafka 3.3 or later, and the right to describe the cluster."""

    API_KEY = 55

    def build(self, request_struct_class: type[Any]) -> Any:  # noqa: ANN401  aiokafka has no types
        """Fill in the request's fields."""
        return request_struct_class([(_LOG, [(0, NO_TAGS)], NO_TAGS)], NO_TAGS)
