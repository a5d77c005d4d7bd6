"""Every kind of tampering is found."""

import json
from collections.abc import Callable, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.audit import HEAD, to_bytes
from streams.compliance.audit_chain import AuditChain
from streams.compliance.audit_verification import AuditVerification
from streams.compliance.signed_head import SignedHead
from tests.support.audit import KEY, LOG, OPERATOR, TIME, entries, head_of

VALUES = entries(60)
HEADS = [head_of(VALUES)]
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def problems(values: Sequence[bytes | None], kept: Sequence[SignedHead] = HEADS, log: str = LOG) -> list[str]:
    verification = AuditVerification(log, KEY.public_key())
    for value in values:
        verification.read(value)
    verification.check_heads(kept)
    return verification.problems


def test_an_untouched_audit_is_whole_also_while_it_grows() -> None:
    assert problems(VALUES) == []
    grown = [*VALUES, *entries(5, head_each=None, seed=2)]
    assert problems(grown) == []
    verification = AuditVerification(LOG, KEY.public_key())
    for value in grown:
        verification.read(value)
    assert verification.signed == max(SignedHead.from_fields(one).size for one in heads(VALUES))
    verification.check_heads(HEADS)
    assert verification.signed == len(VALUES)


def heads(values: Sequence[bytes]) -> list[dict[str, object]]:
    return [one for one in map(json.loads, values) if one["event.action"] == HEAD]


@settings(max_examples=300)
@given(st.integers(0, len(VALUES) - 1), st.data())
def test_a_changed_byte_anywhere_is_found(index: int, data: st.DataObject) -> None:
    value = bytearray(VALUES[index])
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] ^= data.draw(st.integers(1, 255))
    assert problems([*VALUES[:index], bytes(value), *VALUES[index + 1 :]])


@pytest.mark.parametrize("field", sorted(json.loads(VALUES[0])))
def test_a_changed_field_is_found(field: str) -> None:
    for index in (0, 30, 59):
        changed = json.loads(VALUES[index])
        if field in changed:
            changed[field] = 7 if isinstance(changed[field], int) else "another"
            assert problems([*VALUES[:index], to_bytes(changed), *VALUES[index + 1 :]])


def test_what_is_dropped_is_found_wherever_it_was() -> None:
    for index in range(len(VALUES)):
        for length in (1, 2, 10):
            assert problems([*VALUES[:index], *VALUES[index + length :]]), (index, length)


def test_a_cut_tail_is_found_and_counted() -> None:
    for left in range(len(VALUES)):
        (told,) = problems(VALUES[:left])
        assert told.endswith(f"{len(VALUES) - left} are cut")


def test_what_is_exchanged_is_found() -> None:
    for first in range(len(VALUES)):
        for second in range(first + 1, len(VALUES)):
            values = list(VALUES)
            values[first], values[second] = values[second], values[first]
            assert problems(values), (first, second)


def test_what_is_written_twice_or_added_between_is_found() -> None:
    (strange,) = AuditChain("h", "1", lambda: TIME).records(OPERATOR, "replay", [], request="r")
    for index in range(len(VALUES)):
        assert problems([*VALUES[: index + 1], *VALUES[index:]])
        assert problems([*VALUES[:index], strange.value, *VALUES[index:]])
        assert problems([*VALUES, VALUES[index]]) or json.loads(VALUES[index])["event.action"] == HEAD


def test_a_chain_that_is_made_anew_is_found_by_the_heads() -> None:
    """Somebody who can write everything writes consistent chains, and has not the key."""
    again = entries(60, seed=3)
    assert problems([one for one in again if json.loads(one)["event.action"] != HEAD])
    forged = [head_of(again, STRANGER).to_record().value]
    assert any("not signed" in told for told in problems([*again, *forged]))


CHANGES: dict[str, Callable[[SignedHead], SignedHead]] = {
    "size": lambda head: SignedHead(head.log, head.size - 1, head.root, head.time, head.signature),
    "root": lambda head: SignedHead(head.log, head.size, "0" * 64, head.time, head.signature),
    "time": lambda head: SignedHead(head.log, head.size, head.root, "2027", head.signature),
    "log": lambda head: SignedHead("x.audio.audit", head.size, head.root, head.time, head.signature),
    "signature": lambda head: SignedHead(head.log, head.size, head.root, head.time, "00" * 64),
    "no signature": lambda head: SignedHead(head.log, head.size, head.root, head.time, "none"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_head_is_found_in_the_topic_and_elsewhere(change: str) -> None:
    changed = CHANGES[change](HEADS[0])
    assert problems(VALUES, [changed])
    assert problems([*VALUES, changed.to_record().value])


def test_an_audit_of_another_installation_is_found() -> None:
    assert all("another log" in told for told in problems(VALUES, log="x.audio.audit"))
    assert problems(VALUES, log="x.audio.audit")


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"7", b"{}", b'{"event.action": 7}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_entry_is_found(value: bytes | None) -> None:
    assert any("is no entry" in told for told in problems([*VALUES, value]))


def whole_entry() -> dict[str, object]:
    """An entry that begins a chain, which nothing speaks against."""
    (record,) = AuditChain("h", "1", lambda: TIME).records(OPERATOR, "replay", ["call:1"], request="r")
    assert problems([*VALUES, record.value]) == []
    found: dict[str, object] = json.loads(record.value or b"")
    return found


@pytest.mark.parametrize("field", sorted(whole_entry()))
def test_an_added_record_without_a_field_is_found(field: str) -> None:
    entry = whole_entry()
    del entry[field]
    assert any("is no entry" in told for told in problems([*VALUES, to_bytes(entry)]))


@pytest.mark.parametrize(
    "change",
    [
        {"event.action": "nothing"},
        {"event.outcome": ""},
        {"event.sequence": False},
        {"audit.objects": "call"},
        {"user.id": None},
        {"more": 1},
    ],
)
def test_an_added_record_with_what_no_entry_has_is_found(change: dict[str, object]) -> None:
    assert any("is no entry" in told for told in problems([*VALUES, to_bytes(whole_entry() | change)]))


def test_an_added_record_that_is_written_otherwise_is_found() -> None:
    value = to_bytes(whole_entry())
    twice = value.replace(b"{", b'{"user.id":"somebody",', 1)
    head = (head_of(VALUES).to_record().value or b"").replace(b"{", b'{"more":1,', 1)
    for added in (b" " + value, twice, head):
        assert any("is no entry" in told for told in problems([*VALUES, added]))
