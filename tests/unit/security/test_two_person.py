from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streams.security.principal import Principal
from streams.security.roles import Role
from streams.security.two_person import LIFETIME, Approval, BulkRequest, approve, ask

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SCOPE = "a" * 64


def person(holder: str, role: Role = Role.ERASER, *hotels: str, credential: str = "1") -> Principal:
    return Principal(holder, credential, "api-key", role, frozenset(hotels) or None)


def request() -> BulkRequest:
    asked = ask(person("ana"), "lisbon", SCOPE, NOW)
    assert isinstance(asked, BulkRequest)
    return asked


def test_two_people_are_enough() -> None:
    asked = request()
    assert approve(asked, person("rui", Role.ERASER, "lisbon"), SCOPE, NOW) == Approval(asked, "rui", NOW)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ERASER])
def test_both_need_the_permission(role: Role) -> None:
    assert ask(person("ana", role), "lisbon", SCOPE, NOW) == "not_allowed"
    assert approve(request(), person("rui", role), SCOPE, NOW) == "not_allowed"


def test_both_need_it_for_the_hotel() -> None:
    assert ask(person("ana", Role.ERASER, "porto"), "lisbon", SCOPE, NOW) == "not_allowed"
    assert approve(request(), person("rui", Role.ERASER, "porto"), SCOPE, NOW) == "not_allowed"


def test_two_credentials_are_not_two_people() -> None:
    again = replace(person("ana", credential="2"), method="jwt")
    assert approve(request(), again, SCOPE, NOW) == "same_person"


def test_a_request_expires() -> None:
    asked = request()
    assert isinstance(approve(asked, person("rui"), SCOPE, NOW + LIFETIME * 0.99), Approval)
    assert approve(asked, person("rui"), SCOPE, NOW + LIFETIME) == "expired"


def test_approval_is_for_what_was_asked_alone() -> None:
    assert approve(request(), person("rui"), "b" * 64, NOW) == "other_scope"


def test_requests_have_different_names() -> None:
    assert len({request().id for _ in range(100)}) == 100
