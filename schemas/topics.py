"""The topics of this product, read from ``topics.yaml``."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

FILE = "schemas/topics.yaml"

RAW = "audio.raw"
RECORDINGS = "audio.recordings"
COMPRESSED = "audio.compressed"
DEAD_LETTER = "audio.dead-letter"
CACHE_CHANGELOG = "audio-cache-changelog"
POLICY = "audio.policy"
AUDIT = "audio.audit"
KEYS = "audio.keys"
REPLAYS = "audio.replays"

#: The topics that workers read inputs from. The first is for live calls, the second for recordings.
INPUTS = (RAW, RECORDINGS)

Scope = Literal["shared", "group"]
CleanupPolicy = Literal["delete", "compact"]
TimestampType = Literal["LogAppendTime", "CreateTime"]
CompressionType = Literal["uncompressed", "producer", "gzip", "snappy", "lz4", "zstd"]


#: Kafka does not compact the segment that it writes to, which by default grows to 1 GiB per partition.
_COMPACTED_SEGMENT_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """Required settings of one topic.

    Attributes:
        name: Logical name, one of the constants of this module.
        scope: ``shared`` by everyone, or one per consumer ``group``.
        description: What its records are, in one line.
        owner: The team to ask.
        partitions: Number of partitions.
        cleanup_policy: Kafka's ``cleanup.policy``.
        timestamp_type: Kafka's ``message.timestamp.type``: whether broker or producer sets a record's timestamp.
        compression_type: Kafka's ``compression.type``: how the broker stores records, however they were sent.
        retention_hours: How long records stay; None where compaction decides.
        max_message_bytes: Kafka's ``max.message.bytes``.
        copartitioned: Whether it must have as many partitions as ``audio.raw``, because related records have the same
            partition number. False for topics that every worker reads completely.
    """

    name: str
    scope: Scope
    description: str
    owner: str
    partitions: int
    cleanup_policy: CleanupPolicy
    timestamp_type: TimestampType
    compression_type: CompressionType
    retention_hours: int | None
    max_message_bytes: int
    copartitioned: bool = True

    def __post_init__(self) -> None:
        numbers = (self.partitions, self.max_message_bytes, self.retention_hours or 1)
        sound = (
            all(isinstance(number, int) and number > 0 for number in numbers)
            and self.scope in get_args(Scope)
            and self.cleanup_policy in get_args(CleanupPolicy)
            and self.timestamp_type in get_args(TimestampType)
            and self.compression_type in get_args(CompressionType)
            and isinstance(self.copartitioned, bool)
        )
        if not sound:
            raise ValueError(f"{FILE}: {self.name} has a value out of range: {self}")

    def resolve(self, prefix: str, group: str) -> str:
        """Return the topic's name on a cluster.

        Args:
            prefix: Prefix of every name, which separates installations; may be empty.
            group: The consumer group.
        """
        return f"{prefix}{self.name}" if self.scope == "shared" else f"{prefix}{group}-{self.name}"

    @property
    def configs(self) -> dict[str, str]:
        """The topic's settings with Kafka's names; for all others the brokers' defaults apply."""
        configs = {
            "cleanup.policy": self.cleanup_policy,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": self.timestamp_type,
            "compression.type": self.compression_type,
        }
        if self.retention_hours is not None:
            configs["retention.ms"] = str(self.retention_hours * 3_600_000)
        if self.cleanup_policy == "compact":
            configs["segment.bytes"] = str(_COMPACTED_SEGMENT_BYTES)
        return configs


@cache
def load_topics() -> tuple[TopicSpec, ...]:
    """Return every topic, ``audio.raw`` first.

    Raises:
        ValueError: If the file in this package is invalid; the message names it.
    """
    return parse_topics((files(__package__) / "topics.yaml").read_text(encoding="utf-8"))


def parse_topics(text: str) -> tuple[TopicSpec, ...]:
    """Parse the text of a topics file.

    Raises:
        ValueError: If an entry is incomplete or out of range, or the copartitioned topics differ in their number of
            partitions.
    """
    entries: list[dict[str, Any]] = yaml.safe_load(text)
    try:
        topics = tuple(TopicSpec(**entry) for entry in entries)
    except TypeError as error:
        raise ValueError(f"{FILE}: {error}") from error
    names = [topic.name for topic in topics]
    if len(set(names)) != len(names) or names[:1] != [RAW] or not topics[0].copartitioned:
        raise ValueError(f"{FILE}: names must be unique and {RAW} must come first, copartitioned: {names}")
    partitions = {topic.name: topic.partitions for topic in topics if topic.copartitioned}
    if len(set(partitions.values())) != 1:
        raise ValueError(f"{FILE}: every copartitioned topic must have as many partitions as {RAW}: {partitions}")
    return topics


def topic(name: str) -> TopicSpec:
    """Return one topic by its logical name.

    Raises:
        KeyError: If there is none.
    """
    return {spec.name: spec for spec in load_topics()}[name]


def inputs(prefix: str, group: str) -> tuple[str, ...]:
    """Return the names of the topics that workers read inputs from, ``audio.raw`` first.

    Args:
        prefix: Prefix of every name.
        group: The consumer group.
    """
    return tuple(topic(name).resolve(prefix, group) for name in INPUTS)


def copartitioned(prefix: str, group: str) -> tuple[str, ...]:
    """Return the names of the topics that must have as many partitions as ``audio.raw``, which comes first.

    Args:
        prefix: Prefix of every name.
        group: The consumer group.
    """
    return tuple(spec.resolve(prefix, group) for spec in load_topics() if spec.copartitioned)
