"""Forgets recordings of which the topics have nothing any more, so that the index does not grow for ever."""

import time
from collections.abc import Callable, Mapping

from schemas.record import TopicPartition
from schemas.topics import COMPRESSED, DEAD_LETTER
from streams.api.index.changes import TOPICS
from streams.api.index.result_index import ResultIndex

#: For so long after its last record was written, a recording is known as expired.
KEPT_MS = 30 * 24 * 3600 * 1000
#: Rows that are looked at in a step: some milliseconds.
_AT_A_TIME = 10_000

_NEXT = "SELECT max(rowid) AS last FROM (SELECT rowid FROM recordings WHERE rowid > ? ORDER BY rowid LIMIT ?)"
#: What is removed has a part at least, and each of its parts is before the first record that its partition still has.
_FORGET = f"""
WITH firsts (topic, partition, first) AS (VALUES {{}})
DELETE FROM recordings WHERE rowid > ? AND rowid <= ?
AND max(coalesce(in_ms, 0), coalesce(out_ms, 0), coalesce(dead_ms, 0)) < ?
AND (in_topic IS NULL OR in_latest < (SELECT first FROM firsts WHERE topic = in_topic AND partition = in_partition))
AND (out_offset IS NULL OR out_offset <
    (SELECT first FROM firsts WHERE topic = {TOPICS.index(COMPRESSED)} AND partition = out_partition))
AND (dead_offset IS NULL OR dead_offset <
    (SELECT first FROM firsts WHERE topic = {TOPICS.index(DEAD_LETTER)} AND partition = dead_partition))
"""  # noqa: S608  numbers of our own


class Forgetting:
    """Goes round all recordings in small steps, in the thread that writes the index.

    Args:
        index: The index.
        now_ms: Returns the time in milliseconds since the epoch.
        at_a_time: Rows of a step.
    """

    def __init__(
        self,
        index: ResultIndex,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
        at_a_time: int = _AT_A_TIME,
    ) -> None:
        self._index = index
        self._now_ms = now_ms
        self._at_a_time = at_a_time
        self._after = 0

    def step(self, firsts: Mapping[TopicPartition, int]) -> None:
        """Look at the next recordings.

        Args:
            firsts: The first offset that each partition of the topics still has.
        """
        (row,) = self._index.query(_NEXT, [self._after, self._at_a_time])
        if row["last"] is None:
            self._after = 0
            return
        numbers = {name: number for number, name in enumerate(self._index.topics)}
        known = [(numbers[place.topic], place.partition, first) for place, first in firsts.items()]
        values = ", ".join(f"({topic}, {partition}, {first})" for topic, partition, first in known)
        self._index.change(_FORGET.format(values), [self._after, row["last"], self._now_ms() - KEPT_MS])
        self._after = row["last"]
