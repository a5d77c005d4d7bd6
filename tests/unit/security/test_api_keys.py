import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.security.api_keys import ApiKey, ApiKeys, check_key, looks_like_key, new_key
from streams.security.principal import Principal
from streams.security.roles import Role

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def one() -> tuple[str, ApiKey]:
    return new_key("person-7", Role.LISTENER, frozenset({"lisbon"}), now=NOW, lifetime=DAY)


def test_a_key_opens_what_it_is_for_until_it_expires() -> None:
    text, key = one()
    assert looks_like_key(text)
    keys = ApiKeys([key])
    assert check_key(text, keys, NOW) == Principal("person-7", key.id, "api-key", Role.LISTENER, frozenset({"lisbon"}))
    assert isinstance(check_key(text, keys, NOW + DAY - timedelta(microseconds=1)), Principal)
    assert check_key(text, keys, NOW + DAY) == "expired_key"


def test_a_revoked_key_stays_revoked() -> None:
    text, key = one()
    keys = ApiKeys([key]).revoked(key.id, NOW).revoked(key.id, NOW + DAY)
    assert check_key(text, keys, NOW) == "revoked_key"
    stored = keys.get(key.id)
    assert stored is not None
    assert stored.revoked == NOW
    with pytest.raises(KeyError):
        keys.revoked("0" * 16, NOW)


def test_the_file_and_what_is_shown_have_no_secret() -> None:
    text, key = one()
    secret = text.split("_", 2)[2]
    assert len(secret) == 43  # 256 bits
    assert secret not in ApiKeys([key]).to_json().decode()
    assert key.sha256 not in repr(key)


def test_what_is_stored_opens_nothing() -> None:
    _, key = one()
    for attempt in (key.sha256, f"hak_{key.id}_{key.sha256[:43]}", f"hak_{key.id}_" + "A" * 43):
        assert not isinstance(check_key(attempt, ApiKeys([key]), NOW), Principal)


@given(st.data())
def test_a_key_with_any_other_character_is_refused(data: st.DataObject) -> None:
    text, key = one()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda char: char != text[at]))
    assert check_key(text[:at] + other + text[at + 1 :], ApiKeys([key]), NOW) in {"malformed_key", "unknown_key"}
    assert check_key(text[:at], ApiKeys([key]), NOW) == "malformed_key"


def test_a_key_of_another_installation_is_unknown() -> None:
    text, _ = one()
    _, other = one()
    assert check_key(text, ApiKeys([other]), NOW) == "unknown_key"
    assert check_key(text, ApiKeys(), NOW) == "unknown_key"


def test_the_file_is_read_as_it_was_written() -> None:
    _, first = one()
    _, second = new_key("person-8", Role.ADMIN, None, now=NOW, lifetime=DAY)
    keys = ApiKeys([first, second]).revoked(first.id, NOW)
    assert list(ApiKeys.from_json(keys.to_json())) == list(keys)


def entry(**changed: Any) -> bytes:
    _, key = one()
    stored = json.loads(ApiKeys([key]).to_json())["keys"][0]
    return json.dumps(
        {"keys": [{name: value for name, value in (stored | changed).items() if value != "absent"}]}
    ).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"keys": 1}',
        b'{"keys": ["text"]}',
        entry(role="owner"),
        entry(hotels=[]),
        entry(hotels="lisbon"),
        entry(sha256="0"),
        entry(sha256=None),
        entry(expires="tomorrow"),
        entry(expires="2026-12-01T00:00:00"),
        entry(expires=None),
        entry(revoked="absent"),
        entry(holder=""),
        entry(id=5),
        b'{"keys": [' + json.dumps(json.loads(entry())["keys"][0]).encode() * 2 + b"]}",
    ],
)
def test_a_file_with_a_mistake_is_refused_whole(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no JSON|has a key"):
        ApiKeys.from_json(content)


def test_a_key_that_is_twice_in_the_file_is_a_mistake() -> None:
    stored = json.loads(entry())["keys"]
    with pytest.raises(ValueError, match="two keys"):
        ApiKeys.from_json(json.dumps({"keys": stored * 2}).encode())
