"""The cache's budget under memory pressure, in a process whose other memory use varies."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.cache import MemoryUse, scaled_budget

LIMIT = 1_000_000_000
MOST = 500_000_000


def test_without_a_limit_the_cache_may_take_all_it_was_given() -> None:
    assert scaled_budget(1, MOST, 0, None) == MOST


def test_the_budget_shrinks_and_recovers() -> None:
    budget, budgets = MOST, []
    for other in [200_000_000] * 3 + [700_000_000] * 20 + [100_000_000] * 20:
        cached = budget  # the cache uses its whole budget
        budget = scaled_budget(budget, MOST, cached, MemoryUse(other + cached, LIMIT))
        budgets.append(budget)
    assert budgets[:3] == [MOST] * 3
    assert budgets[22] == 150_000_000  # 85 % of the limit, less what the others need
    assert budgets[-1] == MOST
    assert max(abs(after - before) for before, after in pairwise(budgets)) <= MOST // 8


@given(
    budget=st.integers(0, MOST),
    filled=st.floats(0, 1),
    other=st.integers(0, 2 * LIMIT),
    limit=st.integers(1, 2 * LIMIT),
)
def test_the_budget_shrinks_by_no_more_than_the_excess(budget: int, filled: float, other: int, limit: int) -> None:
    cached = int(budget * filled)
    memory = MemoryUse(other + cached, limit)
    new = scaled_budget(budget, MOST, cached, memory)
    assert 0 <= new <= MOST
    over = memory.used - int(limit * 0.85)
    assert cached - new <= max(0, over)
    assert new <= budget or memory.used + (new - budget) <= limit
