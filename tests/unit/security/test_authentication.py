import json
import os
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from streams.security.api_keys import ApiKeys, new_key
from streams.security.authentication import Authenticator, Refusal, TokenSource
from streams.security.json_web_tokens import TokenRules, parse_key_set
from streams.security.principal import Principal
from streams.security.roles import Role
from streams.security.watched_file import WatchedFile

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ADMIN = "a-token-for-operators"
SIGNER = ECKey.generate_key("P-256", {"kid": "1"})


def bearer(credential: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {credential}"}


def write(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path)


def keys_file(path: Path, keys: ApiKeys) -> WatchedFile[ApiKeys]:
    write(path, keys.to_json())
    return WatchedFile(path, ApiKeys.from_json)


def token(signer: ECKey = SIGNER) -> str:
    exp = int(NOW.timestamp()) + 60
    claims = {"iss": "i", "aud": "a", "sub": "person-7", "exp": exp, "role": "viewer", "hotels": "*"}
    return jwt.encode({"alg": "ES256", "kid": "1"}, claims, signer)


def jwks(signer: ECKey) -> bytes:
    return json.dumps({"keys": [signer.as_dict(private=False)]}).encode()


def test_each_credential_says_who_it_is(tmp_path: Path) -> None:
    text, key = new_key("person-8", Role.OPERATOR, None, now=NOW, lifetime=timedelta(days=1))
    write(tmp_path / "jwks", jwks(SIGNER))
    who = Authenticator(
        admin_token=ADMIN,
        api_keys=keys_file(tmp_path / "keys", ApiKeys([key])),
        tokens=TokenSource(WatchedFile(tmp_path / "jwks", parse_key_set), TokenRules("i", "a")),
        now=NOW.timestamp,
    )
    admin = who.authenticate(bearer(ADMIN))
    assert admin == Principal("admin-token", "admin-token", "admin-token", Role.ADMIN, None)
    assert who.authenticate(bearer(text)) == Principal("person-8", key.id, "api-key", Role.OPERATOR, None)
    assert who.authenticate(bearer(token())) == Principal("person-7", "", "jwt", Role.VIEWER, None)
    assert who.authenticate(bearer(ADMIN, "bearer")) == admin
    for wrong in (ADMIN[:-1], ADMIN + "x", text[:-1], token()[:-5], "x", "é", "a.b.c"):
        assert isinstance(who.authenticate(bearer(wrong)), Refusal)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "no_credential"),
        ({"Authorization": ""}, "no_bearer_token"),
        ({"Authorization": "Bearer"}, "no_bearer_token"),
        ({"Authorization": "Bearer  "}, "no_bearer_token"),
        ({"Authorization": f"Basic {ADMIN}"}, "no_bearer_token"),
        ({"Authorization": ADMIN}, "no_bearer_token"),
        (bearer("x" * 8193), "no_bearer_token"),
        (bearer("another-token-for-operators"), "unknown_token"),
        (bearer(token()), "not_configured"),
        (bearer("hak_1_2"), "not_configured"),
    ],
)
def test_what_is_wrong_is_a_reason(headers: dict[str, str], reason: str) -> None:
    assert Authenticator(admin_token=ADMIN).authenticate(headers) == Refusal(reason)  # type: ignore[arg-type]


def test_without_any_configuration_nobody_is_let_in() -> None:
    who = Authenticator()
    assert not who.configured
    assert isinstance(who.authenticate(bearer("")), Refusal)
    assert who.authenticate(bearer("None")) == Refusal("unknown_token")


def test_a_revoked_key_is_refused_as_soon_as_the_file_says_so(tmp_path: Path) -> None:
    text, key = new_key("person-8", Role.VIEWER, None, now=NOW, lifetime=timedelta(days=1))
    keys = ApiKeys([key])
    who = Authenticator(api_keys=keys_file(tmp_path / "keys", keys), now=NOW.timestamp)
    assert isinstance(who.authenticate(bearer(text)), Principal)
    write(tmp_path / "keys", keys.revoked(key.id, NOW).to_json())
    assert who.authenticate(bearer(text)) == Refusal("revoked_key")


def test_a_new_key_of_the_identity_provider_replaces_the_old_one(tmp_path: Path) -> None:
    write(tmp_path / "jwks", jwks(SIGNER))
    who = Authenticator(
        tokens=TokenSource(WatchedFile(tmp_path / "jwks", parse_key_set), TokenRules("i", "a")), now=NOW.timestamp
    )
    turned = ECKey.generate_key("P-256", {"kid": "1"})
    assert isinstance(who.authenticate(bearer(token())), Principal)
    write(tmp_path / "jwks", jwks(turned))
    assert who.authenticate(bearer(token())) == Refusal("invalid_token")
    assert isinstance(who.authenticate(bearer(token(turned))), Principal)


def test_while_the_file_cannot_be_used_nobody_is_let_in_by_it(tmp_path: Path) -> None:
    text, key = new_key("person-8", Role.VIEWER, None, now=NOW, lifetime=timedelta(days=1))
    path = tmp_path / "keys"
    who = Authenticator(admin_token=ADMIN, api_keys=keys_file(path, ApiKeys([key])), now=NOW.timestamp)
    assert isinstance(who.authenticate(bearer(text)), Principal)
    for spoil in (lambda: path.write_text("{"), lambda: path.write_text("[" * 100_000), path.unlink):
        spoil()
        found = who.authenticate(bearer(text))
        assert isinstance(found, Refusal)
        assert (found.reason, found.is_ours) == ("unreadable", True)
        assert str(path) in found.detail
        assert isinstance(who.authenticate(bearer(ADMIN)), Principal)
    write(path, ApiKeys([key]).to_json())
    assert isinstance(who.authenticate(bearer(text)), Principal)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path, numbers = tmp_path / "file", count(1)
    path.write_text("1")
    watched = WatchedFile(path, lambda _: next(numbers))
    assert [watched.value(), watched.value()] == [1, 1]
    os.utime(path, ns=(0, 0))
    assert watched.value() == 2


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b" " * (2**20 + 1))
    who = Authenticator(api_keys=WatchedFile(tmp_path / "keys", ApiKeys.from_json))
    assert isinstance(who.authenticate(bearer("hak_1_2")), Refusal)
