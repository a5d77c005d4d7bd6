"""The search for the end of a gap in a broker's log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.protocol.log_gaps import first_readable


@given(st.integers(0, 2**40), st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 7))
async def test_the_first_offset_that_can_be_read_is_found(position: int, lost: int, left: int, batch: int) -> None:
    begins, end, asked = position + lost, position + lost + left, 0

    async def first_from(offset: int) -> int | None:
        nonlocal asked
        asked += 1
        assert position < offset < end
        return None if offset < begins else begins + (offset - begins) // batch * batch

    assert await first_readable(first_from, position, end) == begins
    assert asked < 32


@pytest.mark.parametrize("end", [5, 6, 7, 1000])
async def test_where_nothing_follows_nothing_is_found(end: int) -> None:
    async def nothing(offset: int) -> None:
        assert 5 < offset < end

    assert await first_readable(nothing, 5, end) is None
