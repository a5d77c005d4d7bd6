"""What other people's clients send is planned by chance, and tells what has to come of it."""

import random

from tests.chaos.odd_inputs import batch_with_bad_name, odd_calls


def test_the_same_chance_gives_the_same_inputs() -> None:
    first, again = (odd_calls(16, random.Random(1)) for _ in range(2))

    assert [one.message for one in first] == [one.message for one in again]


def test_inputs_of_others_have_everything_that_is_odd() -> None:
    inputs = odd_calls(400, random.Random(2))

    assert any(content is None for one in inputs for _, content in one.message.headers)
    assert max(len(one.message.headers) for one in inputs) > 60
    assert {one.bad for one in inputs} == {None, "no key"}
    assert min(one.skew_ms for one in inputs) < -1e12 < 1e12 < max(one.skew_ms for one in inputs)
    assert len(inputs[-1].message.value or b"") > 1_500_000


def test_one_of_three_in_an_odd_batch_is_bad() -> None:
    data, inputs = batch_with_bad_name(random.Random(3))

    assert [one.code for one in inputs].count("BadHeaderName") == 1
    assert [one.sample is None for one in inputs] == [one.code is not None for one in inputs]
    assert len(data) > 100
