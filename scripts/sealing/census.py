"""Counts the data keys in their topic, by what can be done with them."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.topics import KEYS
from scripts.cli import Cluster
from streams.clients.topic_reader import Offsets, TopicReader
from streams.kafka.protocol.unreadable import Unreadable
from streams.security.sealing.wrapped_key import ErasedMark, WrappedKey, parse


@dataclass(slots=True)
class KeyCensus:
    """The data keys of an installation.

    Attributes:
        living: Keys that have neither expired nor are erased, by the ids of their key stores and their epochs.
        expired: Keys whose date is over.
        erased: Keys that were erased.
        damaged: Records that are none of a key.
    """

    living: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    expired: int = 0
    erased: int = 0
    damaged: int = 0

    def of_store(self, store: bytes) -> dict[int, int]:
        """Numbers of living keys by their epochs, of one key store."""
        return {epoch: number for (owner, epoch), number in sorted(self.living.items()) if owner == store}

    def of_others(self, store: bytes | None = None) -> dict[bytes, int]:
        """Numbers of living keys of all other key stores, by their ids."""
        found: Counter[bytes] = Counter()
        for (owner, _), number in self.living.items():
            if owner != store:
                found[owner] += number
        return dict(found)


def census_of(values: dict[bytes, bytes], now_ms: int) -> KeyCensus:
    """Count keys.

    Args:
        values: The last value of each key's record.
        now_ms: Milliseconds since the epoch.
    """
    census = KeyCensus()
    for value in values.values():
        match parse(value):
            case WrappedKey(expires_ms=expires) if 0 < expires <= now_ms:
                census.expired += 1
            case WrappedKey(store=store, epoch=epoch):
                census.living[store, epoch] += 1
            case ErasedMark():
                census.erased += 1
            case _:
                census.damaged += 1
    return census


async def count_keys(cluster: Cluster, advance: Callable[[int, int], None] = lambda _done, _all: None) -> KeyCensus:
    """Read the whole topic.

    Args:
        cluster: Where it is.
        advance: Called with how many offsets are read, of how many.

    Raises:
        TopicError: If there is no such topic, or its settings are others.
        HotelAudioError: If the brokers stop answering.
    """
    await cluster.check([KEYS])
    values: dict[bytes, bytes] = {}
    async with TopicReader(cluster.connection, cluster.topic(KEYS)) as topic:
        begins, ends = await topic.bounds()
        first, total = sum(begins.values()), sum(ends.values()) - sum(begins.values())

        def reached(now: Offsets) -> None:
            advance(sum(now.values()) - first, total)

        async for record in topic.between(begins, ends, reached):
            if isinstance(record, Unreadable) or record.key is None:
                continue
            if record.value is None:
                values.pop(record.key, None)
            else:
                values[record.key] = record.value
    return census_of(values, time.time_ns() // 10**6)
