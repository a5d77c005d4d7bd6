import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Position
from streams.clients.calls import Call
from streams.clients.handled import Commit
from streams.clients.open_calls import OpenCalls
from streams.clients.track_parts import Segment
from tests.support.call_segments import BEGAN, result, segment

IDLE_MS = 60_000


def collector(max_bytes: int = 2**20) -> OpenCalls:
    return OpenCalls(IDLE_MS, max_bytes)


class Log:
    """A partition of results."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []

    def add(self, call: str, number: int | None, *, at_ms: int = 0, **changes: Any) -> Segment:
        changes = {"call_id": call, "stream_id": f"{call}:{changes.get('channel', 'guest')}"} | changes
        changes.setdefault("causation_id", f"{call}-{number}")
        one = segment(result(number, **changes))
        offset = len(self.segments)
        self.segments.append(replace(one, position=Position("t", 0, offset), appended_ms=1_000_000 + at_ms))
        return self.segments[-1]


def handed_out(calls: OpenCalls) -> list[Call]:
    found = []
    while (call := calls.next()) is not None:
        found.append(call)
        calls.handled()
    return found


def read(calls: OpenCalls, segments: Iterable[Segment]) -> list[Call]:
    found = []
    for one in segments:
        calls.take(one)
        found += handed_out(calls)
    return found


def numbers(call: Call) -> list[int | None]:
    return [one.result.sequence for track in call.tracks for one in track.segments]


def test_a_call_is_handed_out_at_its_final_segment() -> None:
    log, calls = Log(), collector()
    log.add("a", 0)
    log.add("b", 0)
    log.add("a", 1, final=True)
    (call,) = read(calls, log.segments)
    assert (call.call_id, numbers(call), call.complete) == ("a", [0, 1], True)
    assert calls.commits()[0].offset == 1


def test_a_call_of_two_sides_waits_for_both_to_end() -> None:
    log, calls = Log(), collector()
    log.add("a", 0)
    log.add("a", 0, channel="agent")
    log.add("a", 1, final=True)
    log.add("a", 1, channel="agent", final=True)
    assert read(calls, log.segments[:3]) == []
    (call,) = read(calls, log.segments[3:])
    assert ([track.name for track in call.tracks], call.complete) == (["guest", "agent"], True)


def test_a_side_that_has_no_final_segment_of_its_own_is_not_waited_for_long() -> None:
    log, calls = Log(), collector()
    log.add("a", 0)
    log.add("a", 0, channel="agent", final=True)
    assert read(calls, log.segments) == []
    calls.wait(0, 11_999)
    assert handed_out(calls) == []
    calls.wait(0, 1000)
    (call,) = handed_out(calls)
    assert call.complete


@pytest.mark.parametrize("waiting", [True, False])
def test_a_call_that_never_ends_is_handed_out_when_it_is_idle(waiting: bool) -> None:
    log, calls = Log(), collector()
    log.add("a", 0)
    assert read(calls, log.segments) == []
    if waiting:
        calls.wait(0, IDLE_MS)
        (call,) = handed_out(calls)
    else:
        (call,) = read(calls, [log.add("b", 0, at_ms=IDLE_MS)])
    assert (call.call_id, call.problems) == ("a", ["no segment with ce_final has come"])
    assert calls.commits()[0].offset == 1


def test_a_call_that_goes_on_after_it_was_handed_out_says_so() -> None:
    log, calls = Log(), collector()
    read(calls, [log.add("a", 0), log.add("a", 1)])
    calls.wait(0, IDLE_MS)
    assert [numbers(one) for one in handed_out(calls)] == [[0, 1]]
    (rest,) = read(calls, [log.add("a", 1), log.add("a", 2), log.add("a", 4, final=True)])
    assert numbers(rest) == [2, 4]
    assert rest.problems == ["its beginning was handed out before", "guest: segment 3 is missing"]


def test_memory_is_bounded_and_the_oldest_call_goes_first() -> None:
    log, calls = Log(), collector(max_bytes=20)
    for number in range(3):
        for call in "ab":
            log.add(call, number, audio=bytes(5), at_ms=number)
    found = read(calls, log.segments)
    assert [(one.call_id, numbers(one)) for one in found] == [("a", [0, 1, 2])]
    assert found[0].problems == ["no segment with ce_final has come"]


def test_a_final_segment_that_is_sent_again_is_no_further_call() -> None:
    log, calls = Log(), collector()
    found = read(calls, [log.add("a", 0), log.add("a", 1, final=True), log.add("a", 1, final=True)])
    assert len(found) == 1
    assert calls.commits()[0].offset == 3


def test_a_call_id_that_is_used_again_is_another_call() -> None:
    log, calls = Log(), collector()
    first = [log.add("a", 0), log.add("a", 1, final=True)]
    again = [log.add("a", number, causation_id=f"x{number}", final=number == 1) for number in range(2)]
    found = read(calls, [*first, *again])
    assert [(numbers(one), one.complete) for one in found] == [([0, 1], True)] * 2


def test_what_is_not_handled_is_not_committed() -> None:
    log, calls = Log(), collector()
    for one in (log.add("a", 0), log.add("a", 1, final=True)):
        calls.take(one)
    assert calls.next() is not None
    assert calls.commits()[0].offset == 0
    calls.handled()
    assert calls.commits() == {0: Commit(2, "calls/1")}


def test_nothing_is_left_after_partitions_were_revoked() -> None:
    log, calls = Log(), collector()
    calls.take(log.add("a", 0, final=True))
    calls.forget()
    assert (calls.next(), calls.commits()) == (None, {})


def test_what_a_commit_names_is_bounded() -> None:
    log, calls = Log(), collector()
    read(calls, [log.add("open", 0), *(log.add(f"call-{number}", 0, final=True) for number in range(1000))])
    commit = calls.commits()[0]
    assert commit.offset == 0
    assert 3500 < len(commit.metadata) <= 4096


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(0, 6))
def test_every_call_is_handed_out_whole_whatever_restarts(seed: int, call_count: int, crashes: int) -> None:
    chance = random.Random(seed)
    lengths = {f"call-{number}": chance.randint(1, 12) for number in range(call_count)}
    log = Log()
    order = [call for call, length in lengths.items() for _ in range(length)]
    chance.shuffle(order)
    at = dict.fromkeys(lengths, 0)
    for call in order:
        log.add(call, at[call], final=at[call] == lengths[call] - 1, time=BEGAN + timedelta(seconds=2 * at[call]))
        at[call] += 1

    found: list[Call] = []
    commit = Commit(0)
    for crash in range(crashes + 1):
        calls = collector()
        calls.resume(0, commit)
        end = len(log.segments) if crash == crashes else chance.randint(commit.offset, len(log.segments))
        for one in log.segments[commit.offset : end]:
            calls.take(one)
            while (whole := calls.next()) is not None:
                found.append(whole)
                if one is log.segments[end - 1] and crash < crashes and chance.random() < 0.5:
                    break  # the handler fails
                calls.handled()
            if chance.random() < 0.7:
                commit = calls.commits()[0]
    assert {whole.call_id for whole in found} == set(lengths)
    assert all(whole.complete for whole in found)
    assert calls.commits().get(0, commit).offset == len(log.segments)
