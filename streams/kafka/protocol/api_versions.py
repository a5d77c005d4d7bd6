"""Finalized features of a cluster; aiokafka reads only the request versions that each broker supports."""

from io import BytesIO
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response, ResponseHeader_v0
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from streams.kafka.protocol.topic_array import NO_TAGS

_FINALIZED_FEATURES = 2  # a tag
_FEATURES = CompactArray(
    ("name", CompactString("utf-8")),
    ("max_version_level", Int16),
    ("min_version_level", Int16),
    ("tags", TaggedFields),
)


class ApiVersionsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """A broker's answer to `ApiVersions`."""

    API_KEY = 18
    API_VERSION = 3
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "api_keys",
            CompactArray(("api_key", Int16), ("min_version", Int16), ("max_version", Int16), ("tags", TaggedFields)),
        ),
        ("throttle_time_ms", Int32),
        ("tags", TaggedFields),
    )

    def finalized(self, feature: str) -> int:
        """The finalized version of a feature, which all brokers use; 0 when there is none."""
        features = self.tags.get(_FINALIZED_FEATURES)
        levels = {name: level for name, level, *_ in _FEATURES.decode(BytesIO(features))} if features else {}
        return int(levels.get(feature, 0))


class _ApiVersionsRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 18
    API_VERSION = 3
    RESPONSE_TYPE = ApiVersionsResponse
    SCHEMA = Schema(
        ("client_software_name", CompactString("utf-8")),
        ("client_software_version", CompactString("utf-8")),
        ("tags", TaggedFields),
    )

    def parse_response_header(self, read_buffer: BytesIO) -> Any:  # noqa: ANN401  aiokafka has no types
        return ResponseHeader_v0.decode(read_buffer)  # the client does not know the broker's version yet


class ApiVersions(Request[_ApiVersionsRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Asks a broker for its supported request versions and the cluster's finalized features."""

    API_KEY = 18

    def build(self, request_struct_class: type[_ApiVersionsRequestStruct]) -> _ApiVersionsRequestStruct:
        """Fill in the request's fields."""
        return request_struct_class("hotel-audio-streams", "1", NO_TAGS)
