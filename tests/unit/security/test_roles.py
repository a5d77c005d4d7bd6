import re
from pathlib import Path

import pytest

from streams.security.principal import Principal, hotels_of
from streams.security.roles import MEANINGS, ROLES, Permission, Role

SECURITY = Path(__file__).parents[3] / "docs" / "SECURITY.md"


def principal(role: Role, *hotels: str) -> Principal:
    return Principal("holder", "credential", "api-key", role, frozenset(hotels) or None)


def test_roles_cannot_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        ROLES[Role.VIEWER] = frozenset(Permission)  # type: ignore[index]  # that is what fails
    assert all(isinstance(allowed, frozenset) for allowed in ROLES.values())


def test_every_role_and_permission_is_used_and_explained() -> None:
    assert ROLES.keys() == set(Role)
    assert MEANINGS.keys() == set(Permission)
    assert frozenset[Permission]().union(*ROLES.values()) == set(Permission)


def test_who_erases_neither_hears_nor_gives_access() -> None:
    for allowed in ROLES.values():
        assert len(allowed & {Permission.AUDIO, Permission.ERASURE, Permission.ACCESS}) <= 1


def test_the_table_in_the_documents_is_the_map() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| ([ x|]+) \|$", SECURITY.read_text(), re.MULTILINE)
    documented = {name: [one.strip() == "x" for one in cells.split("|")] for name, cells in rows}
    assert documented == {permission.value: [permission in ROLES[role] for role in Role] for permission in Permission}


def test_a_role_holds_for_the_hotels_of_its_holder_alone() -> None:
    everywhere, lisbon = principal(Role.LISTENER), principal(Role.LISTENER, "lisbon")
    assert everywhere.may(Permission.AUDIO, "lisbon")
    assert everywhere.may(Permission.AUDIO)
    assert lisbon.may(Permission.AUDIO, "lisbon")
    assert not lisbon.may(Permission.AUDIO, "porto")
    assert not lisbon.may(Permission.AUDIO)
    assert not everywhere.may(Permission.ERASURE, "lisbon")


@pytest.mark.parametrize("value", [None, [], "lisbon", [""], [1], {"lisbon": 1}, ["lisbon", None], "**"])
def test_hotels_have_to_be_said(value: object) -> None:
    with pytest.raises(ValueError, match="hotels"):
        hotels_of(value)
    assert hotels_of("*") is None
    assert hotels_of(["lisbon"]) == frozenset({"lisbon"})
