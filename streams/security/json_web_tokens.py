"""JSON Web Tokens (RFC 7519) of an identity provider: who somebody is, by a signature."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from streams.security.principal import Principal, hotels_of
from streams.security.roles import Role

#: Asymmetric ones alone: with HS256 a public key would be a password, and "none" needs no key.
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "Ed25519")
#: Seconds that the clocks of the identity provider and ours may differ.
LEEWAY = 30
_KEY_TYPES = ("RSA", "EC", "OKP")
_PRIVATE = "d"  # the parameter that every private key of these types has (RFC 7518, 6.2.2 and 6.3.2; RFC 8037, 2)
_SMALLEST_RSA_BITS = 2048

TokenFault = Literal["invalid_token", "expired_token", "not_ours", "not_yet_valid", "missing_claim", "wrong_claim"]
_FAULTS: dict[str, TokenFault] = {"aud": "not_ours", "iss": "not_ours", "nbf": "not_yet_valid", "iat": "not_yet_valid"}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens are accepted.

    Attributes:
        issuer: The only accepted ``iss``.
        audience: What ``aud`` has to have.
    """

    issuer: str
    audience: str


def parse_key_set(content: bytes) -> KeySet:
    """The public keys of an identity provider, from its JWKS (RFC 7517).

    Raises:
        ValueError: If it has no usable key, a secret one, or one that is too weak.
    """
    try:
        entries = json.loads(content)["keys"]
        if not all(entry["kty"] in _KEY_TYPES and _PRIVATE not in entry for entry in entries):
            raise ValueError("may have public keys of the types RSA, EC and OKP alone: who reads others makes tokens")
        keys = KeySet.import_key_set({"keys": entries})
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError, JoseError) as error:
        raise ValueError(f"is no JSON Web Key Set ({error})") from None
    if any(isinstance(key, RSAKey) and key.public_key.key_size < _SMALLEST_RSA_BITS for key in keys):
        raise ValueError(f"has an RSA key of less than {_SMALLEST_RSA_BITS} bits")
    return keys


def check_token(text: str, keys: KeySet, rules: TokenRules, now: Callable[[], float]) -> Principal | TokenFault:
    """Whose token it is, or why it is refused.

    ``iss``, ``aud``, ``exp``, ``sub``, ``role`` and ``hotels`` have to be there. ``role`` is one of `Role`; ``hotels``
    is a list of hotel ids, or ``"*"``.

    Args:
        text: The token as sent.
        keys: The issuer's public keys.
        rules: Whose tokens are accepted.
        now: Returns the time in seconds since 1970.
    """
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)  # RFC 7515, 4: unknown ones are ignored
    try:
        claims = jwt.decode(text, keys, registry=registry).claims
        _expected(rules, now).validate(claims)
        return _principal(claims)
    except ExpiredTokenError:
        return "expired_token"
    except MissingClaimError:
        return "missing_claim"
    except InvalidClaimError as error:
        return _FAULTS.get(error.claim, "wrong_claim")
    except (JoseError, ValueError, KeyError, TypeError, RecursionError):  # of whatever somebody may send
        return "invalid_token"


def _expected(rules: TokenRules, now: Callable[[], float]) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=lambda: int(now()),
        leeway=LEEWAY,
        iss={"essential": True, "value": rules.issuer},
        aud={"essential": True, "value": rules.audience},
        exp={"essential": True},
        sub={"essential": True},
        role={"essential": True, "values": [role.value for role in Role]},
        hotels={"essential": True},
    )


def _principal(claims: dict[str, Any]) -> Principal:
    try:
        role, hotels = Role(claims["role"]), hotels_of(claims["hotels"])
    except ValueError:
        raise InvalidClaimError("role or hotels") from None
    return Principal(claims["sub"], str(claims.get("jti", "")), "jwt", role, hotels)
