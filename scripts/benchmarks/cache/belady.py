"""Belady's optimum: the hits of a cache that knows the future."""

import heapq

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.cache.traces import Trace

_NEVER = np.iinfo(np.int64).max
_CLASSES_PER_OCTAVE = 8


def belady(trace: Trace, budget: int, *, by_size: bool) -> NDArray[np.bool_]:
    """Replay a trace with optimal evictions.

    The item that is needed last is evicted, or not admitted. With equal sizes no policy can serve more requests. Where
    they differ, finding the optimum is NP-hard; with ``by_size``, the time until the next use counts in proportion to
    the size (Belady-Size), which serves more requests, and without it serves more bytes.

    Args:
        trace: The requests.
        budget: Bytes.
        by_size: Whether the size counts. Sizes that differ by less than a tenth are taken for equal.

    Returns:
        Whether each request is a hit.
    """
    following = _next_uses(trace)
    sizes = trace.sizes.tolist()
    classes = (np.log2(trace.sizes) * _CLASSES_PER_OCTAVE).astype(int) if by_size else np.zeros(len(sizes), dtype=int)
    group = classes.tolist()
    heaps: dict[int, list[tuple[int, int]]] = {number: [] for number in set(group)}
    due: dict[int, int] = {}  # next use of cached items
    used = 0
    hits = np.zeros(len(trace), dtype=bool)
    for now, (item, after) in enumerate(zip(trace.items.tolist(), following, strict=True)):
        if item in due:
            hits[now] = True
            used -= sizes[item]
            del due[item]
        if after == _NEVER or sizes[item] > budget:
            continue
        due[item] = after
        used += sizes[item]
        heapq.heappush(heaps[group[item]], (-after, item))
        while used > budget:
            victim = _furthest(heaps, due, sizes, now)
            used -= sizes[victim]
            del due[victim]
    return hits


def _furthest(heaps: dict[int, list[tuple[int, int]]], due: dict[int, int], sizes: list[int], now: int) -> int:
    """Take out the item with the longest time until its use, times its size where there is more than one heap."""
    best, worst = -1, -1
    for number, heap in heaps.items():
        while heap and due.get(heap[0][1]) != -heap[0][0]:
            heapq.heappop(heap)
        if heap:
            cost = (-heap[0][0] - now) * (sizes[heap[0][1]] if len(heaps) > 1 else 1)
            if cost > worst:
                best, worst = number, cost
    return heapq.heappop(heaps[best])[1]


def _next_uses(trace: Trace) -> list[int]:
    """For each request the position of the next one for the same item."""
    order = np.argsort(trace.items, kind="stable")
    following = np.full(len(trace), _NEVER)
    same = trace.items[order][1:] == trace.items[order][:-1]
    following[order[:-1][same]] = order[1:][same]
    return following.tolist()
