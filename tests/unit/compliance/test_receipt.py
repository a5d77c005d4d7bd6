import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from schemas.audit import AuditEntry, to_bytes
from streams.compliance.audit_chain import AuditChain
from streams.compliance.receipt import Receipt, check_receipt, make_receipt
from tests.support.audit import KEY, OPERATOR, TIME, entries, head_of, tree_of

(ERASED,) = AuditChain("h", "1", lambda: TIME).records(OPERATOR, "erasure", ["call:1", "hotel:lisbon"], request="r-7")
ENTRY = ERASED.value or b""
VALUES = [*entries(20, seed=4), ENTRY, *entries(12, seed=5, head_each=None)]
RECEIPT = make_receipt(tree_of(VALUES), 20, ENTRY, head_of(VALUES))
PUBLIC = KEY.public_key()


def test_a_receipt_is_verified_with_nothing_but_the_public_key() -> None:
    received = Receipt.from_json(RECEIPT.to_json())
    found = check_receipt(received, PUBLIC)
    assert isinstance(found, AuditEntry)
    assert (found.action, found.objects, found.request) == ("erasure", ("call:1", "hotel:lisbon"), "r-7")


def test_a_head_of_an_earlier_or_later_moment_is_as_good() -> None:
    for size in range(21, len(VALUES) + 1):
        receipt = make_receipt(tree_of(VALUES), 20, ENTRY, head_of(VALUES[:size]))
        assert isinstance(check_receipt(receipt, PUBLIC), AuditEntry)
    with pytest.raises(ValueError, match="is not in a tree"):
        make_receipt(tree_of(VALUES), 20, ENTRY, head_of(VALUES[:20]))


def test_another_key_proves_nothing() -> None:
    assert check_receipt(RECEIPT, Ed25519PrivateKey.generate().public_key()) == "its head is not signed by this key"


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(RECEIPT.to_json()) | fields)


HEAD = json.loads(RECEIPT.to_json())["head"]
PATH = json.loads(RECEIPT.to_json())["path"]


@pytest.mark.parametrize(
    "content",
    [
        changed(index=19),
        changed(index=21),
        changed(index=-1),
        changed(index=2**70),
        changed(path=PATH[1:]),
        changed(path=PATH[:-1]),
        changed(path=[*PATH, PATH[0]]),
        changed(path=[]),
        changed(path=PATH[::-1]),
        changed(entry=ENTRY.decode().replace("call:1", "call:2")),
        changed(entry=ENTRY.decode() + " "),
        changed(head=HEAD | {"audit.size": HEAD["audit.size"] - 1}),
        changed(head=HEAD | {"audit.root": "0" * 64}),
        changed(head=HEAD | {"@timestamp": "2020"}),
        changed(head=HEAD | {"audit.log": "x.audio.audit"}),
        changed(head=head_of(VALUES[:-1]).fields()),
    ],
)
def test_a_forged_receipt_proves_nothing(content: str) -> None:
    assert isinstance(check_receipt(Receipt.from_json(content), PUBLIC), str)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", "{}", changed(format="hotel-audio-receipt-2"), changed(index="20"), changed(index=True),
     changed(path=[7]), changed(path=["zz"]), changed(path=7), changed(entry=7), changed(entry="\ud800"),
     changed(head={}), changed(head=[]), changed(head=HEAD | {"audit.size": "33"})],
)  # fmt: skip
def test_what_is_no_receipt_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match=r"is no|JSON|Expecting|hexadecimal"):
        Receipt.from_json(content)


@given(st.data())
def test_a_receipt_with_any_other_character_is_refused_or_says_the_same(data: st.DataObject) -> None:
    text = RECEIPT.to_json()
    at = data.draw(st.integers(0, len(text) - 1))
    other = text[:at] + data.draw(st.characters(codec="utf-8")) + text[at + 1 :]
    try:
        received = Receipt.from_json(other)
    except ValueError:
        return
    found = check_receipt(received, PUBLIC)
    assert isinstance(found, str) or received.proof.entry == ENTRY


CHAIN = AuditChain("h", "1", lambda: TIME)
(FINAL,) = CHAIN.records(OPERATOR, "erasure", ["call:1", "epoch:7"], request="r-8")


@pytest.mark.parametrize(
    ("action", "left", "outcome", "final"),
    [
        ("key-turn", "epoch:8", "success", True),
        ("key-turn", "epoch:10", "success", True),
        ("key-turn", "epoch:7", "success", False),  # the keys' own epoch lives
        ("key-turn", "epoch:8", "unknown", False),  # about to be destroyed
        ("key-turn", "epoch:eight", "success", False),
        ("policy-set", "epoch:8", "success", False),
    ],
)
def test_a_turn_makes_an_erasure_final_if_it_left_a_later_epoch_alone(
    action: str, left: str, outcome: str, final: bool
) -> None:
    (turn,) = CHAIN.records(OPERATOR, action, [left], outcome=outcome, request="r-9")
    values = [*VALUES, FINAL.value or b"", turn.value or b""]
    at = len(values) - 1
    receipt = make_receipt(tree_of(values), at - 1, values[at - 1], head_of(values), (at, values[at]))
    received = Receipt.from_json(receipt.to_json())
    found = check_receipt(received, PUBLIC)
    assert isinstance(found, AuditEntry) is final
    assert received.turn is not None
    forged = json.loads(receipt.to_json())
    forged["turn"]["entry"] = forged["turn"]["entry"].replace(left, "epoch:99")
    assert isinstance(check_receipt(Receipt.from_json(json.dumps(forged)), PUBLIC), str)


def test_what_was_signed_and_is_no_entry_is_told() -> None:
    values = [to_bytes({"event.action": "party"})]
    receipt = make_receipt(tree_of(values), 0, values[0], head_of(values))
    assert "is no entry" in str(check_receipt(receipt, PUBLIC))
