"""What the caller may do, so that a program offers nothing that would be refused."""

from starlette.responses import JSONResponse, Response

from streams.api.operations import Call, json_of, operation
from streams.api.schemas import SCHEMAS, exact, or_null
from streams.security.roles import Permission

_TEXT = {"type": "string"}
SCHEMAS["Rights"] = exact(
    {
        "role": {**_TEXT, "description": "`development` where no keys are configured, and anybody may do everything."},
        "permissions": {"type": "array", "items": {"type": "string", "enum": [one.value for one in Permission]}},
        "hotels": {**or_null({"type": "array", "items": _TEXT}), "description": "Null for all."},
    }
)


@operation(
    "GET",
    "/v1/rights",
    tag="rights",
    permission=Permission.CALLS,
    answers={200: json_of("Rights", "The role, what it includes, and for which hotels.")},
)
async def get_rights(call: Call) -> Response:
    """What you may do."""
    caller = call.caller
    return JSONResponse(
        {
            "role": caller.role,
            "permissions": [one.value for one in Permission if caller.may(one)],
            "hotels": None if caller.hotels is None else sorted(caller.hotels),
        }
    )


ROUTES = (get_rights,)
