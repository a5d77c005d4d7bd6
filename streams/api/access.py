"""Who may do what over HTTP: credentials, limits of requests, and the open mode for development."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streams.runtime.http_access import HttpAccess
from streams.security.authentication import Refusal
from streams.security.client_address import client_address, limited_as
from streams.security.principal import Principal
from streams.security.rate_limit import SlidingWindow, retry_after
from streams.security.roles import ROLES, Permission

log = structlog.get_logger(__name__)

_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        principal: Whose credential was checked; None in development mode, where anybody may do everything.
    """

    principal: Principal | None

    @property
    def hotels(self) -> frozenset[str] | None:
        """The hotels that the caller sees; None for all."""
        return None if self.principal is None else self.principal.hotels

    @property
    def holder(self) -> str:
        """Who it is, as an opaque id."""
        return "development" if self.principal is None else self.principal.holder

    @property
    def role(self) -> str:
        """The role's name."""
        return "development" if self.principal is None else self.principal.role.value

    def may(self, permission: Permission) -> bool:
        """Whether the caller's role has a permission, for the hotels that the caller sees."""
        return self.principal is None or permission in ROLES[self.principal.role]

    def sees(self, hotel: str | None) -> bool:
        """Whether something of a hotel, or of an unknown one, is the caller's to see."""
        return self.hotels is None or hotel in self.hotels


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Checks each request.

    Attributes:
        http: Credentials and limits of addresses, as at the workers' endpoints.
        keys: Limits the requests of each API key.
        session: Whose session a request belongs to, for pages in a browser; None if to none. Raises `HTTPException` if
            the session may not do it.
    """

    http: HttpAccess
    keys: SlidingWindow = field(default_factory=SlidingWindow)
    session: Callable[[Request], Principal | None] = lambda _: None

    @property
    def open(self) -> bool:
        """Whether anybody may do everything: no key, token or identity provider is configured."""
        return not self.http.configured

    def admit(self, request: Request, permission: Permission) -> Caller:
        """Who makes a request, if it is allowed.

        Raises:
            HTTPException: 401, 403, 429 or 503, with what to do.
        """
        if self.open:
            _require_own_page(request)
            return Caller(None)
        principal = self.session(request) or self._principal(request)
        caller = Caller(principal)
        if not caller.may(permission):
            self.http.refused("forbidden")
            log.warning(
                "access_refused",
                code="forbidden",
                permission=permission.value,
                role=principal.role.value,
                credential=principal.credential,
                client=self._client(request),
            )
            raise HTTPException(HTTPStatus.FORBIDDEN, "Your role does not include this.")
        return caller

    def _principal(self, request: Request) -> Principal:
        found = self.http.authenticator.authenticate(request.headers)
        if isinstance(found, Principal) and found.method == "api-key":
            self._limit(self.keys, found.credential, "Your API key makes too many requests a second.")
            return found
        address = client_address(_peer(request), request.headers.getlist("x-forwarded-for"), self.http.proxies)
        self._limit(self.http.limit, limited_as(address), "Your address sends more than 10 requests a second.")
        if isinstance(found, Refusal):
            raise self._refused(found, request)
        return found

    def _limit(self, window: SlidingWindow, whose: object, reason: str) -> None:
        wait = window.wait(whose, time.monotonic_ns())
        if wait:
            headers = {"Retry-After": str(retry_after(wait))}
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, f"{reason} Wait as long as Retry-After says.", headers)

    def _refused(self, refusal: Refusal, request: Request) -> HTTPException:
        self.http.refused(refusal.reason)
        if refusal.is_ours:
            log.error("credentials_unreadable", reason=refusal.detail)
            return HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Credentials cannot be checked now; the log says why.",
                {"Retry-After": "10"},
            )
        log.warning("login_refused", code=refusal.reason, client=self._client(request))
        return HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "Send an API key or a token that is valid here, as Authorization: Bearer ...",
            {"WWW-Authenticate": "Bearer"},
        )

    def _client(self, request: Request) -> str | None:
        address = client_address(_peer(request), request.headers.getlist("x-forwarded-for"), self.http.proxies)
        return None if address is None else str(address)


def _peer(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _require_own_page(request: Request) -> None:
    """In development mode, keep pages of other sites out, which a browser on this machine may show.

    Raises:
        HTTPException: 403, if the request comes from such a page.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not _LOOPBACK.fullmatch(host) or (origin is not None and origin.partition("://")[2] != host):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "Without keys this API answers on this machine alone, and no pages of other sites."
        )
