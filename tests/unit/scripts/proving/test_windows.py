"""The bytes of a content that a search looks for."""

import random

import pytest

from scripts.proving.windows import window_of

NOISE = random.Random(22).randbytes(1000).replace(b"\0", b"\1")


def test_they_are_from_the_middle() -> None:
    assert window_of(NOISE) == NOISE[484:516]


def test_they_are_as_near_to_it_as_there_are_any() -> None:
    found = window_of(NOISE + bytes(3000))
    assert found is not None
    assert found[:20] in NOISE


def test_their_beginning_has_no_zeros() -> None:
    found = window_of(NOISE[:484] + b"\0\0" + NOISE[486:])
    assert found is not None
    assert 0 not in found[:4]


@pytest.mark.parametrize("content", [b"", NOISE[:31], bytes(1000), b"ab" * 500])
def test_there_are_none_where_nothing_is_random(content: bytes) -> None:
    assert window_of(content) is None
