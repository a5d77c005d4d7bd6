import uuid

from hypothesis import given
from hypothesis import strategies as st

from streams.api.cursors import Cursor

FILTERS = {"hotel": "lisbon"}
cursors = st.builds(Cursor, st.integers(0, 2**42), st.uuids().map(str))


@given(cursors)
def test_a_cursor_is_read_back_by_the_list_that_it_was_made_for(cursor: Cursor) -> None:
    text = cursor.text(FILTERS)
    assert Cursor.read(text, FILTERS) == cursor
    assert Cursor.read(text, {"hotel": "porto"}) is None
    assert Cursor.read(text, {}) is None


@given(cursors, st.integers(0, 41), st.sampled_from("abcxyz019-_"))
def test_a_cursor_that_was_changed_is_none(cursor: Cursor, place: int, letter: str) -> None:
    text = cursor.text(FILTERS)
    changed = text[:place] + letter + text[place + 1 :]
    assert changed == text or Cursor.read(changed, FILTERS) is None


@given(st.text() | st.binary().map(lambda content: content.hex()))
def test_other_text_is_no_cursor(text: str) -> None:
    assert Cursor.read(text, FILTERS) is None


def test_a_cursor_says_nothing_of_the_time_in_clear() -> None:
    assert str(1_769_851_800_000) not in Cursor(1_769_851_800_000, str(uuid.UUID(int=1))).text({})
