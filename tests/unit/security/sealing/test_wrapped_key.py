import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Rejection
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.wrapped_key import (
    NO_GUEST,
    ErasedMark,
    Owner,
    WrappedKey,
    erased_mark,
    parse,
    rewrap,
    tag_of,
    unwrap,
    wrap,
)

STORE, EPOCH_KEY, INDEX_KEY = os.urandom(16), os.urandom(32), os.urandom(32)
OWNER = Owner("ritz", "call-1", "guest-7")


def wrapped(key: DataKey, owner: Owner = OWNER) -> bytes:
    return wrap(
        key,
        owner,
        store=STORE,
        epoch=3,
        epoch_key=EPOCH_KEY,
        index_key=INDEX_KEY,
        created_ms=1_700_000_000_000,
        expires_ms=1_800_000_000_000,
    )


def parsed(value: bytes) -> WrappedKey:
    found = parse(value)
    assert isinstance(found, WrappedKey)
    return found


@given(st.text(), st.text(), st.text())
def test_a_wrapped_key_opens_as_what_it_was(hotel: str, call: str, guest: str) -> None:
    key, owner = DataKey.new(), Owner(hotel, call, guest)
    found = parsed(wrapped(key, owner))
    assert unwrap(key.id, found, EPOCH_KEY) == (key, owner)
    assert (found.store, found.epoch) == (STORE, 3)
    assert (found.created_ms, found.expires_ms) == (1_700_000_000_000, 1_800_000_000_000)
    assert found.call_tag == tag_of(INDEX_KEY, hotel, call)
    assert found.guest_tag == (tag_of(INDEX_KEY, hotel, guest) if guest else NO_GUEST)


def test_nothing_of_the_call_and_the_key_is_in_clear() -> None:
    key = DataKey.new()
    value = wrapped(key)
    assert not any(text in value for text in (key.secret, b"ritz", b"call-1", b"guest-7"))
    assert key.secret.hex() not in repr(key)


def test_every_changed_byte_is_found() -> None:
    key = DataKey.new()
    value = wrapped(key)
    for at in range(len(value)):
        found = parse(value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])
        opened = found if isinstance(found, Rejection) else unwrap(key.id, parsed_or_fail(found), EPOCH_KEY)
        assert isinstance(opened, Rejection), at
        assert opened.code == "SealedDamaged"


def parsed_or_fail(found: WrappedKey | ErasedMark) -> WrappedKey:
    assert isinstance(found, WrappedKey)
    return found


def test_it_belongs_to_its_id_and_its_epoch() -> None:
    key = DataKey.new()
    found = parsed(wrapped(key))
    assert isinstance(unwrap(os.urandom(16), found, EPOCH_KEY), Rejection)
    assert isinstance(unwrap(key.id, found, os.urandom(32)), Rejection)


def test_another_epoch_wraps_the_same_key_with_the_same_tags() -> None:
    key, later = DataKey.new(), os.urandom(32)
    found = parsed(wrapped(key))
    value = rewrap(key.id, found, EPOCH_KEY, epoch=4, epoch_key=later, expires_ms=0)
    assert isinstance(value, bytes)
    again = parsed(value)
    assert unwrap(key.id, again, later) == (key, OWNER)
    assert (again.epoch, again.expires_ms, again.created_ms) == (4, 0, found.created_ms)
    assert (again.call_tag, again.guest_tag) == (found.call_tag, found.guest_tag)
    assert isinstance(unwrap(key.id, again, EPOCH_KEY), Rejection)
    assert isinstance(rewrap(key.id, found, later, epoch=4, epoch_key=later, expires_ms=0), Rejection)


def test_the_mark_of_an_erased_key_has_its_time() -> None:
    assert parse(erased_mark(1_700_000_000_000)) == ErasedMark(1_700_000_000_000)


@pytest.mark.parametrize("value", [b"", b"\1", b"\1\2", b"\1\2" + bytes(9), b"\1\1" + bytes(40), b"\2\1" + bytes(200)])
def test_another_value_is_refused(value: bytes) -> None:
    assert isinstance(parse(value), Rejection)


@given(st.text(), st.text(), st.text(), st.text())
def test_tags_differ_between_calls(hotel: str, call: str, other_hotel: str, other_call: str) -> None:
    same = f"{hotel}\0{call}" == f"{other_hotel}\0{other_call}"
    assert (tag_of(INDEX_KEY, hotel, call) == tag_of(INDEX_KEY, other_hotel, other_call)) is same
