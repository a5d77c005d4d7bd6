from hypothesis import given
from hypothesis import strategies as st

from streams.api.byte_ranges import Part, selected

TAG = '"sha256-1"'
FILE = bytes(range(100))


def sent(**headers: str) -> bytes | str:
    """What a file of a hundred bytes is answered with."""
    selection = selected({name.replace("_", "-"): value for name, value in headers.items()}, TAG, len(FILE))
    if isinstance(selection, Part):
        return FILE[selection.start : selection.end]
    return FILE if selection == "whole" else selection


@given(st.integers(0, 150), st.integers(0, 150))
def test_a_range_is_the_slice_with_its_last_byte(first: int, last: int) -> None:
    wanted: bytes | str = FILE[first : last + 1]
    if last < first:
        wanted = FILE
    elif first >= len(FILE):
        wanted = "unsatisfiable"
    assert sent(range=f"bytes={first}-{last}") == wanted
    assert sent(range=f"bytes={first}-") == (FILE[first:] or "unsatisfiable")


@given(st.integers(1, 150))
def test_a_suffix_is_the_end(length: int) -> None:
    assert sent(range=f"bytes=-{length}") == FILE[-length:]
    assert sent(range="bytes=-0") == "unsatisfiable"


def test_numbers_may_be_huge_and_the_unit_in_capitals() -> None:
    assert sent(range=f"Bytes=10-{10**40}") == FILE[10:]
    assert sent(range=f"bytes=-{10**40}") == FILE
    assert sent(range=f"bytes={10**40}-") == "unsatisfiable"


@given(st.text())
def test_what_is_no_range_is_ignored(text: str) -> None:
    assert sent(range=f"items={text}") == FILE
    assert sent(range=f"bytes={text}x") == FILE
    assert sent(range="bytes=0-1,4-5") == FILE


def test_a_range_counts_for_the_file_that_it_was_meant_for() -> None:
    assert sent(range="bytes=0-1", if_range=TAG) == FILE[:2]
    assert sent(range="bytes=0-1", if_range='"sha256-2"') == FILE
    assert sent(range="bytes=0-1", if_range=f"W/{TAG}") == FILE


def test_what_the_caller_has_is_not_sent_again() -> None:
    assert sent(if_none_match=TAG) == sent(if_none_match=f'"a", W/{TAG}') == sent(if_none_match="*") == "unchanged"
    assert sent(if_none_match='"sha256-2"') == FILE
    assert sent(if_none_match=TAG, range="bytes=0-1") == "unchanged"
