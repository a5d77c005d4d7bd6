"""The effect of one record on the policies in force."""

import pytest

from schemas import Policy, PolicyEvent, Record, Rejection
from streams.compression import DEFAULT_POLICY, AssumedPolicy, assumed
from streams.runtime.policies import PoliciesInForce

HOLD = Policy(2, legal_hold=True)


@pytest.fixture
def policies() -> PoliciesInForce:
    in_force = PoliciesInForce()
    assert in_force.apply(PolicyEvent("seaside", HOLD).to_record()) == PolicyEvent("seaside", HOLD)
    return in_force


@pytest.mark.parametrize("value", [b"", b"{}", b'{"version": 9, "hotel": "seaside", "floorLevel": 9}'])
def test_the_last_good_one_stays_in_force(policies: PoliciesInForce, value: bytes) -> None:
    assert isinstance(policies.apply(Record(b"seaside", value)), Rejection)
    assert policies.of("seaside") == HOLD


@pytest.mark.parametrize("version", [1, 2])
def test_versions_grow(policies: PoliciesInForce, version: int) -> None:
    refused = policies.apply(PolicyEvent("seaside", Policy(version)).to_record())
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.field) == ("StalePolicy", "version")
    assert policies.of("seaside") == HOLD
    policies.apply(PolicyEvent("seaside", Policy(3)).to_record())
    assert policies.of("seaside") == Policy(3)


def test_a_tombstone_removes_one_and_versions_begin_anew(policies: PoliciesInForce) -> None:
    policies.apply(PolicyEvent("lisbon", Policy(7)).to_record())
    policies.apply(Record(b"seaside", None))
    assert (policies.of("seaside"), policies.of("lisbon"), len(policies)) == (DEFAULT_POLICY, Policy(7), 1)
    policies.apply(PolicyEvent("seaside", Policy(1)).to_record())
    assert policies.of("seaside") == Policy(1)


def test_a_tombstone_for_nobody_is_no_mistake(policies: PoliciesInForce) -> None:
    assert policies.apply(Record(b"lisbon", None)) == PolicyEvent("lisbon", None)


def test_without_its_topic_nothing_is_lost_and_formats_stay(policies: PoliciesInForce) -> None:
    policies.apply(PolicyEvent("harbour", Policy(1, accept=("audio/wav",))).to_record())
    policies.lose()
    assert policies.of("seaside").legal_hold
    assert policies.of("harbour").legal_hold
    assert policies.of("harbour").accept == ("audio/wav",)
    assert isinstance(policies.of("anyone"), AssumedPolicy)
    assert policies.of("anyone").legal_hold
    assert len(policies) == 0


def test_a_new_topic_counts_from_its_end_on_and_hotels_that_it_lacks_stay_without_loss(
    policies: PoliciesInForce,
) -> None:
    policies.apply(PolicyEvent("harbour", Policy(7)).to_record())
    policies.lose()
    assert policies.apply(PolicyEvent("seaside", Policy(1)).to_record()) == PolicyEvent("seaside", Policy(1))
    assert policies.of("seaside").legal_hold  # a later record may be a legal hold
    policies.complete()
    assert policies.of("seaside") == Policy(1)
    assert policies.of("anyone") == DEFAULT_POLICY
    assert policies.of("harbour") == assumed(Policy(7))
    assert policies.awaited == ["harbour"]
    policies.apply(PolicyEvent("harbour", None).to_record())
    assert policies.of("harbour") == DEFAULT_POLICY
    assert policies.awaited == []
