"""Logging in by an API key, and out."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.console.api_client import ApiClient, ApiError
from streams.console.forms import form_of, text_of
from streams.console.rendering import Pages
from streams.console.session import Session


class LoginPages:
    """Logging in and out.

    Args:
        api: Checks a credential: it answers or not.
        pages: Makes pages.
    """

    def __init__(self, api: ApiClient, pages: Pages) -> None:
        self._api = api
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The form."""
        return self._form(request, request.query_params.get("next", "/"))

    async def enter(self, request: Request) -> Response:
        """Begin a session, if the API accepts the credential."""
        form = await form_of(request)
        key, following = text_of(form, "key"), text_of(form, "next")
        try:
            await self._api.ask(request, "GET", "/v1/recordings", parameters={"limit": 1}, credential=key)
        except ApiError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
            return self._form(
                request, following, "This key is not valid here. Look whether it is whole, or ask for a new one."
            )
        response = RedirectResponse(_within(following), HTTPStatus.SEE_OTHER)
        Session.begin(key).keep(response, request)
        return response

    async def leave(self, request: Request) -> Response:
        """End the session."""
        await form_of(request)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        Session.begin().keep(response, request)
        return response

    def _form(self, request: Request, following: str, problem: str | None = None) -> Response:
        status = HTTPStatus.OK if problem is None else HTTPStatus.UNAUTHORIZED
        return self._pages.page(request, "login", {"next": _within(following), "problem": problem}, status)


def _within(path: str) -> str:
    """A path of the console; the list of calls for anything that would lead elsewhere."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"
