"""The array of topics with partitions that occurs in several of Kafka's requests and responses.

In flexible versions of the protocol every structure ends with tagged fields; none is used here.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from aiokafka.protocol.types import AbstractType, CompactArray, CompactString, TaggedFields

Row = TypeVar("Row")

#: The value for no tagged fields.
NO_TAGS: dict[int, bytes] = {}


def topic_array(*partition: tuple[str, type[AbstractType] | AbstractType]) -> CompactArray:
    """The array's type: topics, each with its name and a structure of these fields per partition."""
    tags = ("tags", TaggedFields)
    return CompactArray(("name", CompactString("utf-8")), ("partitions", CompactArray(*partition, tags)), tags)


def by_topic(rows: Iterable[tuple[str, Row]]) -> list[tuple[str, list[Row], dict[int, bytes]]]:
    """The array's value, from pairs of a topic and the structure of one of its partitions."""
    topics: dict[str, list[Row]] = defaultdict(list)
    for topic, row in rows:
        topics[topic].append(row)
    return [(topic, partitions, NO_TAGS) for topic, partitions in topics.items()]
