"""The path of a request whose parts may hold slashes of their own, as ids may."""

from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

#: Stands for an encoded slash within a part. No id has a control character, so none is mistaken for it.
_SLASH = "\0"


class EncodedSlashes:
    """Keeps an encoded slash (``%2F``) within its part of the path, which servers decode to one between parts.

    Args:
        app: Reads parts by `part_of`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and b"%2f" in raw.lower():
            kept = raw.partition(b"?")[0].replace(b"%2F", b"%00").replace(b"%2f", b"%00")
            # In the scope itself: others keep in it what they know of the request.
            scope["path"] = unquote_to_bytes(kept).decode("utf-8", "replace")
        await self._app(scope, receive, send)


def part_of(request: Request, name: str) -> str:
    """A parameter of a request's path, as it was before it was encoded."""
    return str(request.path_params[name]).replace(_SLASH, "/")
