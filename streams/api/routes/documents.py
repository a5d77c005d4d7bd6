"""What describes the API itself."""

from functools import lru_cache

from starlette.responses import JSONResponse, Response

from streams.api.openapi import document
from streams.api.operations import Call, json_of, operation


@operation(
    "GET", "/openapi.json", tag="documents", permission=None, answers={200: json_of("Document", "The document.")}
)
async def get_document(_: Call) -> Response:
    """This document, as OpenAPI 3.1."""
    return JSONResponse(_document())


@lru_cache(1)
def _document() -> dict[str, object]:
    from streams.api.routes import ROUTES  # noqa: PLC0415  it has this module among its own

    return document(ROUTES)


ROUTES = (get_document,)
