"""The date of a key: by the policy at the call's beginning, and none while there is a legal hold."""

from schemas import Policy
from streams.compliance.retention import NEVER, expiry_of, revised_expiry

DAY = 86_400_000
BEGAN = 1_700_000_000_000


def test_a_call_expires_after_its_hotels_days() -> None:
    assert expiry_of(Policy(1, retention_days=30), BEGAN) == BEGAN + 30 * DAY


def test_a_call_without_retention_or_on_hold_does_not_expire() -> None:
    assert expiry_of(Policy(1), BEGAN) == NEVER
    assert expiry_of(Policy(1, retention_days=30, legal_hold=True), BEGAN) == NEVER


def test_a_hold_suspends_a_date_and_its_end_brings_it_back() -> None:
    dated = expiry_of(Policy(1, retention_days=30), BEGAN)
    held = revised_expiry(Policy(2, retention_days=30, legal_hold=True), BEGAN, dated)
    assert held == NEVER
    assert revised_expiry(Policy(3, retention_days=30), BEGAN, held) == dated


def test_another_retention_does_not_change_the_date_that_a_call_has() -> None:
    dated = expiry_of(Policy(1, retention_days=30), BEGAN)
    assert revised_expiry(Policy(2, retention_days=1), BEGAN, dated) == dated
    assert revised_expiry(Policy(2), BEGAN, dated) == dated
