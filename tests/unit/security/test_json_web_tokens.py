"""What a forger would send, and what an identity provider does send."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from streams.security.json_web_tokens import LEEWAY, TokenRules, check_token, parse_key_set
from streams.security.principal import Principal
from streams.security.roles import Role

NOW = 1_800_000_000.5
RULES = TokenRules("https://login.example", "hotel-audio")
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
CLAIMS: dict[str, Any] = {
    "iss": "https://login.example",
    "aud": "hotel-audio",
    "sub": "person-7",
    "exp": int(NOW) + 600,
    "role": "listener",
    "hotels": ["lisbon"],
    "jti": "t-1",
}
PERSON = Principal("person-7", "t-1", "jwt", Role.LISTENER, frozenset({"lisbon"}))


def jwks(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


KEYS = parse_key_set(jwks(RSA, EC, ED))


def token(key: Key = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **changed: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value != "absent"}
    registry = JWSRegistry(algorithms=[alg], strict_check_header=False)
    return jwt.encode({"alg": alg, "kid": key.kid, **(header or {})}, claims, key, registry=registry)


def check(text: str, now: float = NOW, keys: KeySet = KEYS) -> object:
    return check_token(text, keys, RULES, lambda: now)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "Ed25519")])
def test_a_token_of_the_identity_provider_says_who_it_is(key: Key, alg: str) -> None:
    assert check(token(key, alg)) == PERSON


def test_an_audience_may_be_one_of_several_and_unknown_headers_and_claims_are_ignored() -> None:
    assert check(token(aud=["other", "hotel-audio"], email_verified=True, header={"nonce": "x"})) == PERSON
    assert check(token(hotels="*")) == Principal("person-7", "t-1", "jwt", Role.LISTENER, None)
    assert check(token(jti="absent")) == Principal("person-7", "", "jwt", Role.LISTENER, frozenset({"lisbon"}))


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "sub", "role", "hotels"])
def test_what_has_to_be_there_has_to_be_there(name: str) -> None:
    for nothing in ("absent", None):
        changed: dict[str, Any] = {name: nothing}
        assert check(token(**changed)) == "missing_claim"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://login.example.evil"}, "not_ours"),
        ({"iss": ["https://login.example"]}, "not_ours"),
        ({"aud": "other"}, "not_ours"),
        ({"aud": ["other"]}, "not_ours"),
        ({"aud": []}, "not_ours"),
        ({"aud": {"hotel-audio": 1}}, "not_ours"),
        ({"sub": ""}, "wrong_claim"),
        ({"sub": 7}, "wrong_claim"),
        ({"role": "owner"}, "wrong_claim"),
        ({"role": ["admin"]}, "wrong_claim"),
        ({"role": ["admin", "x"]}, "wrong_claim"),
        ({"role": "Admin"}, "wrong_claim"),
        ({"hotels": "lisbon"}, "wrong_claim"),
        ({"hotels": [1]}, "wrong_claim"),
        ({"hotels": []}, "wrong_claim"),
        ({"exp": "1900000000"}, "wrong_claim"),
        ({"exp": True}, "wrong_claim"),
        ({"exp": float("nan")}, "wrong_claim"),
        ({"exp": float("inf")}, "wrong_claim"),
        ({"nbf": "soon"}, "not_yet_valid"),
        ({"nbf": int(NOW) + LEEWAY + 1}, "not_yet_valid"),
        ({"exp": int(NOW) - LEEWAY}, "expired_token"),
        ({"exp": 0}, "expired_token"),
    ],
)
def test_a_wrong_claim_is_refused(changed: dict[str, Any], reason: str) -> None:
    assert check(token(**changed)) == reason


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    assert check(token(), now=CLAIMS["exp"] + LEEWAY - 1) == PERSON
    assert check(token(), now=CLAIMS["exp"] + LEEWAY) == "expired_token"
    assert check(token(nbf=int(NOW) + LEEWAY)) == PERSON


def test_none_is_no_algorithm() -> None:
    for alg in ("none", "None", "NONE", ""):
        forged = f"{part({'alg': alg, 'kid': 'rsa'})}.{part(CLAIMS)}."
        assert check(forged) == "invalid_token"
        assert check(forged + "AAAA") == "invalid_token"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_password(alg: str) -> None:
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    publics = [RSA.as_pem(private=False), RSA.as_der(private=False), json.dumps(RSA.as_dict(private=False)).encode()]
    for public in publics:
        signed = f"{part({'alg': alg, 'kid': 'rsa'})}.{part(CLAIMS)}"
        signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), digest)).rstrip(b"=").decode()
        assert check(f"{signed}.{signature}") == "invalid_token"


def test_a_token_of_somebody_elses_key_is_refused_even_if_it_brings_the_key() -> None:
    assert check(token(STRANGER)) == "invalid_token"
    brought = {
        "jwk": STRANGER.as_dict(private=False),
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example",
    }
    assert check(token(STRANGER, header=brought)) == "invalid_token"


def test_an_algorithm_of_another_kind_of_key_is_refused() -> None:
    for alg, kid in (("ES256", "rsa"), ("RS256", "ec"), ("EdDSA", "rsa"), ("RS512", "rsa"), ("RS256", "nobody")):
        head, body, signature = token().split(".")
        del head
        assert check(f"{part({'alg': alg, 'kid': kid})}.{body}.{signature}") == "invalid_token"


def test_an_extension_that_has_to_be_understood_is_not() -> None:
    head, body, signature = token().split(".")
    for crit in (["exp"], ["b64"], [], "b64"):
        forged = part({"alg": "RS256", "kid": "rsa", "crit": crit, "b64": False})
        assert check(f"{forged}.{body}.{signature}") == "invalid_token"
    assert head


@given(st.data())
def test_a_changed_token_is_refused_and_raises_nothing(data: st.DataObject) -> None:
    text = TOKEN
    at = data.draw(st.integers(0, len(text) - 2))  # the last character has bits that mean nothing
    other = data.draw(st.sampled_from("ABCxyz019" if at > text.rindex(".") else "ABCxyz019-_.=+/ \x00é"))
    changed = text[:at] + other + text[at + 1 :]
    assert check(changed) == (PERSON if changed == text else "invalid_token")


TOKEN = token()


@given(st.text(max_size=200))
def test_any_text_is_refused_and_raises_nothing(text: str) -> None:
    assert check(text) == "invalid_token"
    assert check(f"{text}.{text}.{text}") == "invalid_token"
    assert check(f"{part({'alg': text, 'kid': text})}.{part(text)}.{part(text)}") == "invalid_token"


def test_deeply_nested_json_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 50_000).rstrip(b"=").decode()
    assert check(f"{deep}.{deep}.AAAA") == "invalid_token"


def test_keys_that_would_let_readers_make_tokens_are_refused() -> None:
    password = OctKey.generate_key(256)
    for key in (password, RSA, EC, ED):
        with pytest.raises(ValueError, match="public keys"):
            parse_key_set(json.dumps({"keys": [key.as_dict(private=True)]}).encode())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{}]}', b'{"keys": [{"kty": "RSA"}]}', b"\xff"],
)
def test_a_file_that_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is no JSON Web Key Set"):
        parse_key_set(content)


def test_a_weak_key_is_refused() -> None:
    with pytest.warns(SecurityWarning), pytest.raises(ValueError, match="less than 2048"):
        parse_key_set(jwks(RSAKey.generate_key(1024)))
