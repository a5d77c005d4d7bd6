"""The array of topics with their partitions that Kafka's requests and answers about offsets have in common.

In the flexible versions of the protocol, where every structure ends in tagged fields; none is used here.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from aiokafka.protocol.types import AbstractType, CompactArray, CompactString, TaggedFields

Row = TypeVar("Row")

#: The value of tagged fields, where there are none.
NO_TAGS: dict[int, bytes] = {}


def topic_array(*partition: tuple[str, type[AbstractType] | AbstractType]) -> CompactArray:
    """Type of the array: topics, each with its name and one structure of these fields for each partition."""
    tags = ("tags", TaggedFields)
    return CompactArray(("name", CompactString("utf-8")), ("partitions", CompactArray(*partition, tags)), tags)


def by_topic(rows: Iterable[tuple[str, Row]]) -> list[tuple[str, list[Row], dict[int, bytes]]]:
    """Value of the array, of topics with what is said of one of their partitions."""
    topics: dict[str, list[Row]] = defaultdict(list)
    for topic, row in rows:
        topics[topic].append(row)
    return [(topic, partitions, NO_TAGS) for topic, partitions in topics.items()]
