"""Changes single settings of topics and keeps the others; aiokafka's request resets all settings that it omits."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from streams.kafka.protocol.topic_array import NO_TAGS

TOPIC, BROKER = 2, 4
_SET = 0
_TEXT = CompactString("utf-8")


class IncrementalAlterConfigsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """A broker's answer to `IncrementalAlterConfigs`."""

    API_KEY = 44
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            CompactArray(
                ("error_code", Int16),
                ("error_message", _TEXT),
                ("resource_type", Int8),
                ("resource_name", _TEXT),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )

    def errors(self) -> Iterator[tuple[str, int, str | None]]:
        """Yield each topic that was not changed, with the error's code and message."""
        for code, message, _, topic, _ in self.responses:
            if code:
                yield topic, code, message


class _IncrementalAlterConfigsRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 44
    API_VERSION = 1
    RESPONSE_TYPE = IncrementalAlterConfigsResponse
    SCHEMA = Schema(
        (
            "resources",
            CompactArray(
                ("resource_type", Int8),
                ("resource_name", _TEXT),
                (
                    "configs",
                    CompactArray(("name", _TEXT), ("config_operation", Int8), ("value", _TEXT), ("tags", TaggedFields)),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("validate_only", Boolean),
        ("tags", TaggedFields),
    )


class IncrementalAlterConfigs(Request[_IncrementalAlterConfigsRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Changes settings of topics, or of the broker that gets it.

    Args:
        settings: For each topic, or for the broker's id, new values by the setting's name.
        kind: `TOPIC` or `BROKER`.
    """

    API_KEY = 44

    def __init__(self, settings: Mapping[str, Mapping[str, str]], kind: int = TOPIC) -> None:
        self._settings, self._kind = settings, kind

    def build(
        self, request_struct_class: type[_IncrementalAlterConfigsRequestStruct]
    ) -> _IncrementalAlterConfigsRequestStruct:
        """Fill in the request's fields."""
        resources: list[Any] = [
            (self._kind, topic, [(name, _SET, value, NO_TAGS) for name, value in changes.items()], NO_TAGS)
            for topic, changes in self._settings.items()
        ]
        return request_struct_class(resources, False, NO_TAGS)
