"""Erasing many calls needs two accounts, and is for exactly what the first one asked for."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import Cluster, CommandError
from scripts.erasing.approval import approved, needs_two, write_request
from streams.compliance.erasure_scope import Scope
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import ConnectionSecurity, Login

SCOPE = Scope("lisbon", frozenset({"b", "a"}))


def cluster(user: str | None) -> Cluster:
    security = ConnectionSecurity() if user is None else ConnectionSecurity(login=Login(user, "p"))
    return Cluster(KafkaConnection("kafka:9092", security), "", "hotel-audio")


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    write_request(tmp_path / "request.json", cluster("anna"), SCOPE)
    return tmp_path / "request.json"


def changed(path: Path, **fields: Any) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return path


@pytest.mark.parametrize(
    ("scope", "two"),
    [
        (Scope("lisbon", frozenset("a")), False),
        (Scope("lisbon", guest="g-1"), False),
        (SCOPE, True),
        (Scope("lisbon", before_ms=1), True),
    ],
)
def test_many_calls_need_two(scope: Scope, *, two: bool) -> None:
    assert needs_two(scope) is two


def test_another_account_approves_what_was_asked_for(request_file: Path) -> None:
    scope, why = approved(request_file, cluster("bela"))
    assert scope == SCOPE
    assert why.startswith("asked for by anna (")
    assert why.endswith("approved by bela")


def test_nobody_approves_alone(request_file: Path) -> None:
    with pytest.raises(CommandError, match="let somebody else"):
        approved(request_file, cluster("anna"))


@pytest.mark.parametrize(
    "fields", [{"calls": ["a", "b", "c"]}, {"hotel": "porto"}, {"before": 1_800_000_000_000}, {"scope": "0" * 64}]
)
def test_another_scope_is_not_approved(request_file: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="was changed"):
        approved(changed(request_file, **fields), cluster("bela"))


def test_it_is_not_approved_later_than_a_day(request_file: Path) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    with pytest.raises(CommandError, match="ask for it again"):
        approved(changed(request_file, expires=past), cluster("bela"))


@pytest.mark.parametrize("content", ["", "[]", "7", "{}", '{"hotel": 7, "calls": 7, "before": null}'])
def test_what_is_no_request_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(CommandError, match="is no request for an erasure"):
        approved(tmp_path / "file", cluster("bela"))


def test_brokers_without_accounts_do_not_tell_two_people_apart(request_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="they have no accounts"):
        approved(request_file, cluster(None))
    with pytest.raises(CommandError, match="they have no accounts"):
        write_request(tmp_path / "other", cluster(None), SCOPE)
