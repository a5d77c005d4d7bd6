import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.commands._names import safe_name
from tests.contract.strategies import ids


@pytest.mark.parametrize("text", ["call-1", "M\u00fcnchen", "\u6771\u4eac 7", "a.b_c+d@e", "+49 89 1234", "x" * 120])
def test_good_names_stay(text: str) -> None:
    assert safe_name(text) == text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("a/b", "a_b~"),
        ("..", "_~"),
        ("../../etc", "_.._etc~"),
        (".hidden", "hidden~"),
        ("-rf", "rf~"),
        ("a\x00b", "a_b~"),
        ("a\nb", "a_b~"),
        ("C:\\x", "C__x~"),
        ("\u202egpj", "_gpj~"),
        ("trailing. ", "trailing~"),
        (unicodedata.normalize("NFD", "M\u00fcnchen"), "M\u00fcnchen~"),
        ("\u00fc" * 255, "\u00fc" * 60 + "~"),
    ],
)
def test_what_file_systems_do_not_take_is_replaced(text: str, begins: str) -> None:
    assert safe_name(text).startswith(begins)


@given(ids | st.text(max_size=30))
def test_any_id_is_one_name_of_bounded_length(text: str) -> None:
    name = safe_name(text)
    assert name not in {"", ".", ".."}
    assert not set(name) & set("/\\\0")
    assert name.isprintable()
    assert len(name.encode()) <= 140


@given(ids, ids)
def test_different_ids_have_different_names(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)
    assert safe_name(safe_name(one)) == safe_name(other) or one != other or safe_name(one) != one


@given(ids)
def test_a_made_name_is_no_name_of_another_id(text: str) -> None:
    name = safe_name(text)
    if name != text:
        assert safe_name(name) != name
