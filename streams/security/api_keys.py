"""API keys: 256 random bits for a person or a program. The file has only their digests, so that it opens nothing.

A digest needs no salt and no slow function, as passwords do: nobody can try 2**256 secrets.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from streams.security.principal import ALL_HOTELS, Principal, hotels_of
from streams.security.roles import Role

#: Begins every key, so that scanners for secrets find one that was published.
PREFIX = "hak"
_ID_BYTES, _SECRET_BYTES = 8, 32
_KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([A-Za-z0-9_-]{{43}})")
_NO_DIGEST = "0" * 64
_SHA256 = re.compile(r"[0-9a-f]{64}")

KeyFault = Literal["malformed_key", "unknown_key", "expired_key", "revoked_key"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is stored of a key.

    Attributes:
        id: Its name in lists and logs: 16 hexadecimal digits.
        holder: Whose it is, as an opaque id.
        role: What the holder may do.
        hotels: The hotels that the holder may see; None for all.
        sha256: The digest of the whole key, in hexadecimal digits.
        created: When it was made.
        expires: From when on it is refused.
        revoked: When it was revoked; None if it is not.
    """

    id: str
    holder: str
    role: Role
    hotels: frozenset[str] | None
    sha256: str = field(repr=False)
    created: datetime
    expires: datetime
    revoked: datetime | None = None

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        """Whether it opens anything at a time."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if now < self.expires else "expired"


def new_key(
    holder: str, role: Role, hotels: frozenset[str] | None, *, now: datetime, lifetime: timedelta
) -> tuple[str, ApiKey]:
    """Make a key.

    Returns:
        The key, which exists nowhere else, and what is stored of it.
    """
    number = secrets.token_hex(_ID_BYTES)
    key = f"{PREFIX}_{number}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return key, ApiKey(number, holder, role, hotels, _digest(key), now, now + lifetime)


def looks_like_key(text: str) -> bool:
    """Whether a credential is meant as an API key."""
    return text.startswith(f"{PREFIX}_")


def check_key(text: str, keys: "ApiKeys", now: datetime) -> Principal | KeyFault:
    """Whose key it is, or why it is refused. Takes the same time for an unknown key as for a wrong one."""
    match = _KEY.fullmatch(text)
    if match is None:
        return "malformed_key"
    key = keys.get(match[1])
    if not hmac.compare_digest(_digest(text), _NO_DIGEST if key is None else key.sha256) or key is None:
        return "unknown_key"
    match key.state(now):
        case "revoked":
            return "revoked_key"
        case "expired":
            return "expired_key"
    return Principal(key.holder, key.id, "api-key", key.role, key.hotels)


class ApiKeys:
    """The keys of a file."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = {key.id: key for key in keys}

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._keys.values())

    def get(self, number: str) -> ApiKey | None:
        """The key with an id."""
        return self._keys.get(number)

    def with_key(self, key: ApiKey) -> "ApiKeys":
        """The same keys and another one."""
        return ApiKeys([*self._keys.values(), key])

    def revoked(self, number: str, now: datetime) -> "ApiKeys":
        """The same keys, one of them revoked; KeyError if there is none with that id. A revoked key stays so."""
        key = self._keys[number]
        return self.with_key(key if key.revoked else replace(key, revoked=now))

    def to_json(self) -> bytes:
        """The content of the file."""
        return json.dumps({"keys": [_to_json(key) for key in self._keys.values()]}, indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "ApiKeys":
        """Parse the content of the file.

        Raises:
            ValueError: With what is wrong and with which key, and no digest.
        """
        try:
            entries = json.loads(content)["keys"]
            keys = [_from_json(entry) for entry in entries]
        except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f'is no JSON object with "keys" as ./scripts/api_keys writes it ({error})') from None
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("has two keys with the same id")
        return cls(keys)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _to_json(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "holder": key.holder,
        "role": key.role.value,
        "hotels": ALL_HOTELS if key.hotels is None else sorted(key.hotels),
        "sha256": key.sha256,
        "created": key.created.isoformat(),
        "expires": key.expires.isoformat(),
        "revoked": None if key.revoked is None else key.revoked.isoformat(),
    }


def _from_json(entry: dict[str, Any]) -> ApiKey:
    number, holder, digest = entry["id"], entry["holder"], entry["sha256"]
    if not isinstance(number, str) or not isinstance(holder, str) or not holder:
        raise ValueError('has a key whose "id" or "holder" is no text')
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise ValueError(f'has a key {number} whose "sha256" is none')
    try:
        revoked = entry["revoked"]
        return ApiKey(
            number,
            holder,
            Role(entry["role"]),
            hotels_of(entry["hotels"]),
            digest,
            _time(entry["created"]),
            _time(entry["expires"]),
            None if revoked is None else _time(revoked),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"has a key {number} with a mistake: {error}") from None


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time.astimezone(UTC)
