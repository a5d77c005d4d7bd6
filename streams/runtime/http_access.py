"""Lets only those to a page of the HTTP endpoint who may see it, and nobody more often than the limit allows."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import structlog
from aiohttp import web

from streams.runtime.setting_declaration import SettingsError
from streams.runtime.settings import EndpointSettings
from streams.security.api_keys import ApiKeys
from streams.security.authentication import Authenticator, Refusal, TokenSource
from streams.security.client_address import Address, Networks, client_address, limited_as
from streams.security.json_web_tokens import TokenRules, parse_key_set
from streams.security.principal import Principal
from streams.security.problem import MEDIA_TYPE, problem
from streams.security.rate_limit import SlidingWindow, retry_after
from streams.security.roles import Permission
from streams.security.watched_file import WatchedFile, WatchedFileError

log = structlog.get_logger(__name__)

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_DETAILS = {
    HTTPStatus.UNAUTHORIZED: "Send an API key or a token that is valid here, as Authorization: Bearer ...",
    HTTPStatus.FORBIDDEN: "Your role or your hotels do not include this.",
    HTTPStatus.TOO_MANY_REQUESTS: "Your address sends more than 10 requests a second."
    " Wait as long as Retry-After says.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Credentials cannot be checked now; the log says why.",
}


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """Guards pages.

    Attributes:
        authenticator: Checks who asks.
        proxies: Proxies that may say for whom they ask.
        limit: Counts requests of addresses, also refused ones.
        refused: Called with the reason of each refused login, for the audit.
    """

    authenticator: Authenticator
    proxies: Networks = field(default_factory=Networks)
    limit: SlidingWindow = field(default_factory=SlidingWindow)
    refused: Callable[[str], None] = lambda _: None

    @property
    def configured(self) -> bool:
        """Whether anybody can be let in."""
        return self.authenticator.configured

    def guarded(self, permission: Permission, handler: Handler) -> Handler:
        """A page for those alone who have a permission for all hotels."""

        async def answer(request: web.Request) -> web.StreamResponse:
            address = client_address(request.remote or "", request.headers.getall("X-Forwarded-For", ()), self.proxies)
            wait = self.limit.wait(limited_as(address), time.monotonic_ns())
            if wait:
                return _problem(HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(retry_after(wait))})
            found = self.authenticator.authenticate(request.headers)
            if isinstance(found, Refusal):
                self.refused(found.reason)
                return _refused(found, address)
            if not found.may(permission):
                self.refused("forbidden")
                return _forbidden(found, permission, address)
            return await handler(request)

        return answer


def access_of(settings: EndpointSettings) -> HttpAccess:
    """Who is let in by the settings.

    Raises:
        SettingsError: If a file of theirs cannot be used.
    """
    keys = _watched("AUDIO_API_KEYS_FILE", settings.api_keys_file, ApiKeys.from_json)
    token_keys = _watched("AUDIO_JWT_KEYS_FILE", settings.jwt_keys_file, parse_key_set)
    tokens = None
    if token_keys is not None and settings.jwt_issuer is not None and settings.jwt_audience is not None:
        tokens = TokenSource(token_keys, TokenRules(settings.jwt_issuer, settings.jwt_audience))
    authenticator = Authenticator(admin_token=settings.admin_token, api_keys=keys, tokens=tokens)
    return HttpAccess(authenticator, settings.trusted_proxies)


def _watched(variable: str, path: Path | None, parse: Callable[[bytes], T]) -> WatchedFile[T] | None:
    if path is None:
        return None
    watched = WatchedFile(path, parse)
    try:
        watched.value()
    except WatchedFileError as error:
        raise SettingsError(f"{variable}={error}") from None
    return watched


def _refused(refusal: Refusal, address: Address | None) -> web.Response:
    if refusal.is_ours:
        log.error("credentials_unreadable", reason=refusal.detail)
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE)
    log.warning("login_refused", code=refusal.reason, client=_text(address))
    return _problem(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})


def _forbidden(principal: Principal, permission: Permission, address: Address | None) -> web.Response:
    log.warning(
        "access_refused",
        code="forbidden",
        permission=permission.value,
        role=principal.role.value,
        credential=principal.credential,
        client=_text(address),
    )
    return _problem(HTTPStatus.FORBIDDEN)


def _problem(status: HTTPStatus, headers: dict[str, str] | None = None) -> web.Response:
    body = problem(status, _DETAILS[status])
    return web.Response(status=status, body=body, content_type=MEDIA_TYPE, headers=headers)


def _text(address: Address | None) -> str | None:
    return None if address is None else str(address)
