"""Makes pages from templates, with the headers that keep a page to its own scripts and styles."""

import secrets
from collections.abc import Mapping, Set
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from streams.compression.reasons import explained
from streams.console import words
from streams.console.session import Session

#: Pages of the bar: path, name, and the API's operation that each cannot do without.
PAGES = (
    ("/", "Calls", "/v1/recordings"),
    ("/live", "Live", "/v1/events"),
    ("/dead-letters", "Dead letters", "/v1/dead-letters"),
    ("/policies", "Policies", "/v1/policies/{hotel}"),
    ("/estimate", "Estimate", "/v1/estimates"),
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Pages:
    """Renders the console's templates.

    Args:
        offered: Paths of the API's operations; what needs others is not shown.
    """

    def __init__(self, offered: Set[str]) -> None:
        # The templates' place is found by this package's own name, which differs in an installed wheel.
        loader = PackageLoader(__name__.rpartition(".")[0])
        self._environment = Environment(
            loader=loader,
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            levels=words.LEVELS,
            offered=offered,
            pages=[(path, name) for path, name, needed in PAGES if needed in offered],
        )
        self._environment.filters.update(
            absolute=words.absolute_time,
            clock=_clock,
            codec=words.codec_words,
            count=words.count_words,
            duration=words.duration_words,
            explained=explained,
            part=lambda text: quote(text, safe=""),
            quality_words=words.quality_words,
            seconds_clock=lambda milliseconds: _clock(milliseconds // 1000),
            size=words.size_words,
            state_words=lambda state: words.STATES.get(state, state),
        )

    def page(
        self, request: Request, template: str, content: Mapping[str, Any], status: int = HTTPStatus.OK
    ) -> HTMLResponse:
        """A page.

        Args:
            request: What asked for it.
            template: Name of the template without its ending.
            content: The template's own values.
            status: The answer's status.
        """
        kept = Session.of(request.headers)
        session = kept or Session.begin()
        nonce = secrets.token_urlsafe(16)
        text = self._environment.get_template(f"{template}.html").render(
            csrf=session.csrf_token,
            here=_here(request),
            logged_in=session.credential is not None,
            nonce=nonce,
            **content,
        )
        response = HTMLResponse(text, status, {**_HEADERS, "Content-Security-Policy": _POLICY.format(nonce=nonce)})
        if kept is None:
            session.keep(response, request)
        return response


def _here(request: Request) -> str:
    """The page of the bar that a page belongs to."""
    first = request.url.path.strip("/").partition("/")[0]
    return "/" if first == "calls" else f"/{first}"


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def path_of(*parts: str) -> str:
    """A path of parts that may have any characters."""
    return "/" + "/".join(quote(part, safe="") for part in parts)
