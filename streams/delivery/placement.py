"""Detects calls whose records are in more than one partition: their order is lost."""

from collections import OrderedDict
from collections.abc import Callable
from functools import cache

import structlog
from aiokafka.partitioner import DefaultPartitioner

from streams.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

#: Calls that are remembered, more than are active at a time. Each takes some 300 bytes.
_CALLS = 10_000
#: Senders with another partitioner that are logged, once each; all misplaced records are counted.
_MAX_SOURCES = 200


class _Call:
    """The partition in which a call's key belongs, and the partitions in which its records were found."""

    __slots__ = ("expected", "partitions")

    def __init__(self, expected: int, partition: int) -> None:
        self.expected = expected
        self.partitions = [partition]


class Placement:
    """Compares the partition of each record with its call's other records, and with the one that murmur2 gives.

    Kafka keeps order within a partition, so all senders of a call have to choose the same one. The contract prescribes
    murmur2. A sender that uses another partitioner consistently does no harm by itself: its records are counted as
    misplaced. A call in two partitions has lost its order: this is logged as a warning, and alerted. A worker detects
    it only if it owns both partitions at the time. Not thread-safe: call it on the event loop.

    Args:
        partitions: Returns the number of partitions of the input topic; 0 when it is unknown.
        metrics: Count misplaced records and split calls.
        calls: Number of calls to remember; the least recent ones are forgotten.
    """

    def __init__(self, partitions: Callable[[], int], metrics: Metrics, calls: int = _CALLS) -> None:
        self._partitions = partitions
        self._split_calls = metrics.split_calls
        self._misplaced = cache(metrics.misplaced_records.labels)
        self._max_calls = calls
        self._choose = DefaultPartitioner()
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._sources: set[str] = set()
        self._count = 0

    def seen(self, call_id: str, partition: int, source: str) -> None:
        """Check one record.

        Args:
            call_id: Its call id, which is its key.
            partition: Its partition.
            source: Its sender (``ce_source``).
        """
        call = self._calls.get(call_id)
        if call is None:
            call = self._begin(call_id, partition, source)
        else:
            self._calls.move_to_end(call_id)
        if partition != call.expected:
            self._misplaced(partition).inc()
        if partition not in call.partitions:
            self._report_split(call_id, call, partition, source)

    def _begin(self, call_id: str, partition: int, source: str) -> _Call:
        count = self._partitions() or self._count
        if count != self._count:  # partitions were added: keys map to other partitions now
            self._calls.clear()
            self._count = count
        expected = self._choose(call_id.encode(), range(count), ()) if count else partition
        call = _Call(expected, partition)
        self._calls[call_id] = call
        if len(self._calls) > self._max_calls:
            self._calls.popitem(last=False)
        if partition != call.expected and source not in self._sources and len(self._sources) < _MAX_SOURCES:
            self._sources.add(source)
            log.warning("other_partitioner", source=source, call=call_id, partition=partition, expected=call.expected)
        return call

    def _report_split(self, call_id: str, call: _Call, partition: int, source: str) -> None:
        call.partitions.append(partition)
        if len(call.partitions) == 2:  # noqa: PLR2004 - counted once, however many there will be
            self._split_calls.inc()
        log.warning("call_in_two_partitions", call=call_id, partitions=call.partitions[-2:], source=source)
