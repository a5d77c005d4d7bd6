import json

import pytest

from schemas.audit import MOST_OBJECT_BYTES, AuditEntry
from streams.compliance.audit_chain import AuditChain
from streams.compliance.merkle_tree import leaf_hash
from tests.support.audit import OPERATOR, TIME


def test_an_entry_is_read_as_it_was_written() -> None:
    (record,) = AuditChain("host-1", "1.2", lambda: TIME).records(
        OPERATOR, "policy-set", ["hotel:café"], outcome="failure", reason="refused", request="r-1"
    )
    entry = AuditEntry.from_fields(json.loads(record.value or b""))
    assert entry.to_record() == record
    assert (entry.user, entry.roles, entry.method) == ("operator", ("operator",), "SCRAM-SHA-512")
    assert (entry.host, entry.version, entry.time) == ("host-1", "1.2", "2026-12-01T00:00:00.000+00:00")
    assert (entry.action, entry.objects, entry.outcome, entry.reason) == (
        "policy-set", ("hotel:café",), "failure", "refused",
    )  # fmt: skip


def test_each_entry_has_the_digest_of_the_one_before() -> None:
    chain = AuditChain("h", "1")
    made = [one for _ in range(3) for one in chain.records(OPERATOR, "listen", ["call:1"], request="r")]
    found = [json.loads(one.value or b"") for one in made]
    assert [one["event.sequence"] for one in found] == [0, 1, 2]
    digests = [leaf_hash(one.value or b"").hex() for one in made]
    assert [one["audit.previous"] for one in found] == ["", *digests[:2]]
    assert len({one.key for one in made}) == 1


def test_what_is_about_many_objects_has_several_entries_that_fit() -> None:
    calls = [f"call:{'é' * 100}{number}" for number in range(1000)]
    made = AuditChain("h", "1").records(OPERATOR, "calls-export", calls, request="r")
    found = [json.loads(one.value or b"") for one in made]
    assert [one for entry in found for one in entry["audit.objects"]] == calls
    assert 1 < len(made) < 10
    assert all(len(one.value or b"") < MOST_OBJECT_BYTES + 4096 for one in made)


def test_what_is_about_no_object_has_an_entry_as_well() -> None:
    (record,) = AuditChain("h", "1").records(OPERATOR, "login-refused", [], request="r")
    assert json.loads(record.value or b"")["audit.objects"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"event.action": "party"},
        {"event.outcome": "fine"},
        {"event.sequence": "1"},
        {"audit.objects": [1]},
        {"user.id": 5},
        {"@timestamp": None},
    ],
)
def test_what_an_entry_cannot_have_is_refused(change: dict[str, object]) -> None:
    (record,) = AuditChain("h", "1").records(OPERATOR, "listen", [], request="r")
    with pytest.raises(ValueError, match="is no entry"):
        AuditEntry.from_fields(json.loads(record.value or b"") | change)
