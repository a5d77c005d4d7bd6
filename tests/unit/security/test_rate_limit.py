from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.security.rate_limit import SlidingWindow, retry_after

SECOND = 10**9


class EveryRequest:
    """Remembers every allowed request for ever, and counts those of the last second."""

    def __init__(self) -> None:
        self.allowed: dict[int, list[int]] = defaultdict(list)

    def wait(self, address: int, now: int) -> int:
        recent = [time for time in self.allowed[address] if time > now - SECOND]
        if len(recent) < 10:
            self.allowed[address].append(now)
            return 0
        return sorted(recent)[-10] + SECOND - now


#: Gaps between requests: at the same moment, close together, around a tenth of a second, around a second, and long.
GAPS = st.one_of(
    st.sampled_from([0, 1, SECOND // 10 - 1, SECOND // 10, SECOND // 10 + 1, SECOND - 1, SECOND, SECOND + 1]),
    st.integers(0, 2 * SECOND),
    st.integers(0, SECOND // 8),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 3), GAPS), max_size=120))
def test_it_counts_as_if_it_remembered_everything(requests: list[tuple[int, int]]) -> None:
    limit, model, now = SlidingWindow(), EveryRequest(), 0
    for address, gap in requests:
        now += gap
        assert limit.wait(address, now) == model.wait(address, now)
    for times in model.allowed.values():
        assert all(later - earlier >= SECOND for earlier, later in zip(times, times[10:], strict=False))


def test_who_waits_as_told_is_allowed_and_no_earlier() -> None:
    limit = SlidingWindow()
    for number in range(10):
        assert limit.wait("a", number) == 0
    wait = limit.wait("a", 10)
    assert wait == SECOND - 10
    assert limit.wait("a", 10 + wait - 1) == 1
    assert limit.wait("a", 10 + wait) == 0
    assert limit.wait("b", 10) == 0


def test_refused_requests_do_not_postpone_the_next_allowed_one() -> None:
    limit = SlidingWindow()
    allowed = [now for now in range(0, 3 * SECOND, SECOND // 100) if limit.wait("a", now) == 0]
    assert len(allowed) == 30


def test_no_more_addresses_are_remembered_than_there_is_room_for() -> None:
    limit = SlidingWindow(limit=1, capacity=3)
    for address in "abc":
        assert limit.wait(address, 0) == 0
    assert limit.wait("a", 1) > 0  # now b was quiet for longest
    assert limit.wait("d", 2) == 0
    assert len(limit) == 3
    assert limit.wait("a", 3) > 0
    assert limit.wait("b", 3) == 0


def test_a_hundred_thousand_addresses_fit() -> None:
    limit = SlidingWindow()
    for address in range(100_010):
        limit.wait(address, address)
    assert len(limit) == 100_000


def test_the_wait_is_told_in_whole_seconds_that_suffice() -> None:
    assert [retry_after(wait) for wait in (1, SECOND - 1, SECOND, SECOND + 1)] == [1, 1, 1, 2]
