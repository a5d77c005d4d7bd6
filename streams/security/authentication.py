"""Who makes a request: by an API key, a JSON Web Token or the installation's admin token, sent as a bearer token."""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from joserfc.jwk import KeySet

from streams.security.api_keys import ApiKeys, KeyFault, check_key, looks_like_key
from streams.security.json_web_tokens import TokenFault, TokenRules, check_token
from streams.security.principal import Principal
from streams.security.roles import Role
from streams.security.watched_file import WatchedFile, WatchedFileError

_HEADER, _SCHEME = "Authorization", "bearer"
_LONGEST = 8192  # characters of a credential

_Fault = Literal["no_credential", "no_bearer_token", "unknown_token", "not_configured", "unreadable"]
Reason = KeyFault | TokenFault | _Fault


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request whose maker is not known.

    Attributes:
        reason: Why, for the log. Who asks is told no more than that the credential is not accepted.
        detail: More for the log, such as which file cannot be read; never a secret.
    """

    reason: Reason
    detail: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the installation is at fault, and not who asks."""
        return self.reason == "unreadable"


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The identity provider whose tokens are accepted: its public keys and the rules."""

    keys: WatchedFile[KeySet]
    rules: TokenRules


class Authenticator:
    """Checks the credential of a request.

    Args:
        admin_token: A secret that makes its bearer an admin; None if there is none.
        api_keys: The file of API keys; None if there is none.
        tokens: The identity provider; None if there is none.
        now: Returns the time in seconds since 1970.
    """

    def __init__(
        self,
        *,
        admin_token: str | None = None,
        api_keys: WatchedFile[ApiKeys] | None = None,
        tokens: TokenSource | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._admin_token = None if admin_token is None else admin_token.encode()
        self._api_keys = api_keys
        self._tokens = tokens
        self._now = now

    @property
    def configured(self) -> bool:
        """Whether anybody can be let in."""
        return not (self._admin_token is None and self._api_keys is None and self._tokens is None)

    def authenticate(self, headers: Mapping[str, str]) -> Principal | Refusal:
        """Who makes a request.

        Args:
            headers: Its headers; names have to be found in whatever case they are written.
        """
        given = headers.get(_HEADER)
        if given is None:
            return Refusal("no_credential")
        scheme, _, credential = given.partition(" ")
        credential = credential.strip()
        if scheme.lower() != _SCHEME or not credential or len(credential) > _LONGEST:
            return Refusal("no_bearer_token")
        try:
            found = self._principal(credential)
        except WatchedFileError as error:
            return Refusal("unreadable", str(error))
        return found if isinstance(found, Principal) else Refusal(found)

    def _principal(self, credential: str) -> Principal | Reason:
        if self._is_admin_token(credential):
            return Principal("admin-token", "admin-token", "admin-token", Role.ADMIN, None)
        if looks_like_key(credential):
            if self._api_keys is None:
                return "not_configured"
            return check_key(credential, self._api_keys.value(), datetime.fromtimestamp(self._now(), UTC))
        if credential.count(".") != 2:  # noqa: PLR2004  a signed token has three parts
            return "unknown_token"
        if self._tokens is None:
            return "not_configured"
        return check_token(credential, self._tokens.keys.value(), self._tokens.rules, self._now)

    def _is_admin_token(self, credential: str) -> bool:
        given = credential.encode("utf-8", "surrogateescape")
        return self._admin_token is not None and hmac.compare_digest(given, self._admin_token)
