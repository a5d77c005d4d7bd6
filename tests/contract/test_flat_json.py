import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.flat_json import Member, members

scalars = st.text() | st.integers() | st.booleans() | st.none()
nested = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def as_member(name: str, value: object) -> Member:
    match value:
        case None:
            return Member(name, "null", "")
        case bool():
            return Member(name, "boolean", json.dumps(value))
        case int():
            return Member(name, "integer", str(value))
        case str():
            return Member(name, "string", value)
    return Member(name, "other", "")


@given(st.dictionaries(st.text(), scalars), st.booleans(), st.sampled_from([None, 2]))
def test_a_flat_object_is_read_as_a_general_parser_reads_it(
    content: dict[str, object], ascii_alone: bool, indent: int | None
) -> None:
    text = json.dumps(content, ensure_ascii=ascii_alone, indent=indent)
    assert list(members(text)) == [as_member(name, value) for name, value in content.items()]


@given(st.dictionaries(st.text(), nested))
def test_reading_ends_with_the_first_member_that_is_not_flat(content: dict[str, object]) -> None:
    expected = []
    for name, value in content.items():
        expected.append(as_member(name, value))
        if expected[-1].kind == "other":
            break
    assert list(members(json.dumps(content))) == expected


@given(st.text() | st.text(alphabet='{}[]":,\\ \n01tfn'))
def test_invalid_json_is_refused_unless_the_error_comes_after_a_nested_value(text: str) -> None:
    try:
        found = list(members(text))
    except ValueError:
        assert not is_object(text)
    else:
        assert is_object(text) or found[-1].kind == "other"


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def test_members_that_occur_twice_are_both_read() -> None:
    assert [member.text for member in members('{"id": "1", "\\u0069d": "2"}')] == ["1", "2"]


@pytest.mark.parametrize("bomb", ["[" * 1_000_000, '{"a":' * 1_000_000, '{"a":' + "[" * 1_000_000])
def test_depth_costs_nothing(bomb: str) -> None:
    try:
        assert [member.kind for member in members(bomb)] == ["other"]
    except ValueError as error:
        assert "expected" in str(error)  # noqa: PT017 - the one that begins as an array
