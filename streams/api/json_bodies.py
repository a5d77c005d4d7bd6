"""Bodies in JSON: read in bounded memory, and held against the schema that the document has."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from schemas.json_text import JsonTextError, read_json
from streams.api.bodies import parts_of
from streams.api.operations import JSON
from streams.api.parameters import Parameter

_MOST_BYTES = 256 * 1024


async def json_body(request: Request) -> bytes:
    """A body that says that it is JSON.

    Raises:
        HTTPException: 400, 408, 413 or 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {JSON}.")
    body = bytearray()
    async for part in parts_of(request):
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {_MOST_BYTES} bytes.")
    return bytes(body)


def values_of(body: bytes, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The properties of an object, each as its schema wants it; times as `datetime`.

    Args:
        body: The JSON.
        known: Schemas of the properties that it may have, of the types that are known here.

    Raises:
        HTTPException: 400, with the property that is not as wanted.
    """
    try:
        content = read_json(body)
    except JsonTextError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"The body is no JSON: {error}.") from None
    if not isinstance(content, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The body has to be a JSON object.")
    if unknown := sorted(content.keys() - known):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"Unknown: {unknown[0][:80]!r}. Known are {', '.join(known)}.")
    return {name: _value(name, value, known[name]) for name, value in content.items()}


def _value(name: str, value: object, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401  JSON
    match schema["type"], value:
        case "array", list() if schema["minItems"] <= len(value) <= schema["maxItems"]:
            found = [_value(name, one, schema["items"]) for one in value]
            if len(set(found)) == len(found):
                return found
        case "boolean", bool():
            return value
        case "integer", int() | float() if not isinstance(value, bool) and value == value // 1:
            if schema["minimum"] <= value <= schema["maximum"]:
                return int(value)
        case "string", str():
            read = Parameter(name, "query", schema, "").read(value)
            if read is not None:
                return read
    raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} is not as wanted: {schema['description']}")
