"""Who uses a browser: a cookie with the credential, and a token that proves that a form came from our page.

The cookie is HttpOnly, so that no script reads it, and SameSite=Strict, so that no other site's page makes use of
it. It has the API key itself, and no process keeps sessions: any process answers, and a key that is withdrawn ends its
sessions.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.security.problem import MEDIA_TYPE, problem

COOKIE = "audio_session"
FORM_FIELD = "csrf"
HEADER = "X-CSRF-Token"
MAX_AGE_S = 12 * 3600
_NAMED, _NAMELESS = "key", "open"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session.

    Attributes:
        text: The cookie's value.
        credential: The API key or token; None for somebody who did not log in.
    """

    text: str
    credential: str | None = None

    @classmethod
    def begin(cls, credential: str | None = None) -> "Session":
        """A new session."""
        if credential is None:
            return cls(f"{_NAMELESS}.{secrets.token_urlsafe(24)}")
        salt = secrets.token_urlsafe(12)
        return cls(f"{_NAMED}.{salt}.{base64.urlsafe_b64encode(credential.encode()).decode()}", credential)

    @classmethod
    def of(cls, headers: Headers) -> "Session | None":
        """The session of a request; None if it has none that is well formed."""
        text = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        kind, _, rest = text.partition(".")
        if kind == _NAMELESS and rest:
            return cls(text)
        if kind != _NAMED:
            return None
        try:
            return cls(text, base64.urlsafe_b64decode(rest.partition(".")[2]).decode())
        except (binascii.Error, UnicodeError):
            return None

    @property
    def csrf_token(self) -> str:
        """What forms and scripts send along; only our pages can know it."""
        return hmac.new(self.text.encode(), b"csrf", hashlib.sha256).hexdigest()

    def confirms(self, token: str | None) -> bool:
        """Whether a token is this session's."""
        return token is not None and hmac.compare_digest(token.encode(), self.csrf_token.encode())

    def keep(self, response: Response, request: Request) -> None:
        """Let the browser keep the session, for TLS alone where the request came over TLS.

        Args:
            response: The answer that tells it.
            request: The request, of this process or as a proxy says that it was.
        """
        secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        response.set_cookie(COOKIE, self.text, max_age=MAX_AGE_S, httponly=True, samesite="strict", secure=secure)


class SessionCredentials:
    """Lets browsers use the API: a request without a credential gets that of its session.

    A request that changes something has to carry the session's CSRF token as well.

    Args:
        app: The API.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            session = Session.of(headers)
            if session is not None and "authorization" not in headers:
                if scope["method"] not in _HARMLESS and not session.confirms(headers.get(HEADER)):
                    await _refusal()(scope, receive, send)
                    return
                scope = _with_credential(scope, session)
        await self._app(scope, receive, send)


def _with_credential(scope: Scope, session: Session) -> Scope:
    if session.credential is None:
        return scope
    headers = MutableHeaders(raw=list(scope["headers"]))
    headers["authorization"] = f"Bearer {session.credential}"
    return {**scope, "headers": headers.raw}


def _refusal() -> Response:
    detail = f"A browser's session changes things with its token in {HEADER} only. Load the page again."
    body = problem(HTTPStatus.FORBIDDEN, detail)
    return Response(body, HTTPStatus.FORBIDDEN, media_type=MEDIA_TYPE)
