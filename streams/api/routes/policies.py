"""Policies: how a hotel's audio is compressed."""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from schemas import Policy, Rejection, parse_policy
from schemas.policy import policy_content, policy_problems, policy_schema
from streams.api.auditing import actor_of
from streams.api.json_bodies import json_body
from streams.api.openapi import problem_answer
from streams.api.operations import JSON, Answer, Body, Call, json_of, operation
from streams.api.parameters import PRINTABLE, Parameter
from streams.api.policy_changes import Condition, OtherPolicyError, tag_of
from streams.api.schemas import SCHEMAS, exact
from streams.policies.topic import PolicyReplacedError
from streams.security.problem import MEDIA_TYPE, problem
from streams.security.roles import Permission

log = structlog.get_logger(__name__)

_TAG = "policies"
_TEXT = {"type": "string"}
_TAGS = re.compile(r'(W/)?"([^"]*)"')
_HOTEL = Parameter(
    "hotel",
    "path",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PRINTABLE},
    "The hotel, of 1 to 255 characters.",
    True,
    "lisbon",
)
_IF_MATCH = Parameter("If-Match", "header", _TEXT, "Only if this is the entity tag of the policy in force.")
_IF_NONE_MATCH = Parameter("If-None-Match", "header", _TEXT, "`*`: only if the hotel has no policy.")
_ETAG = {"ETag": "Of this policy, for `If-Match`."}
_NONE = problem_answer(404, "The hotel has no policy of its own: the default one applies.")
_OTHER = problem_answer(412, "Somebody else has changed the policy; read it again.")
_SAME_MOMENT = problem_answer(409, "Somebody else is changing the policy at this moment; read it again.")


def _schema(*without: str) -> dict[str, Any]:
    """The published schema of a policy, with what it refers to in place, and some properties not required."""
    published = policy_schema()
    levels = published["$defs"]["level"]
    properties = {
        name: {**levels, **{key: value for key, value in one.items() if key != "$ref"}} if "$ref" in one else one
        for name, one in published["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in published["required"] if name not in without],
        "additionalProperties": False,
    }


SCHEMAS["Policy"] = _schema()
SCHEMAS["PolicyRequest"] = _schema("version", "hotel")
SCHEMAS["PolicyProblem"] = {
    **SCHEMAS["Problem"],
    "properties": {
        **SCHEMAS["Problem"]["properties"],
        "errors": {
            "type": "array",
            "items": exact({"field": _TEXT, "reason": _TEXT}),
            "description": "Each property that breaks a rule, or contradicts another one.",
        },
    },
}


@operation(
    "GET",
    "/v1/policies/{hotel}",
    tag=_TAG,
    permission=Permission.CALLS,
    parameters=(_HOTEL,),
    answers={200: json_of("Policy", "The policy in force.", headers=_ETAG), 404: _NONE},
)
async def get_policy(call: Call) -> Response:
    """The policy of a hotel.

    Properties that are not there are at their defaults.
    """
    hotel = _hotel(call)
    if not call.context.readiness.holds("policies_loaded"):
        raise _unavailable("The policies are being read.")
    if call.context.policies.version(hotel) is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, _NONE.description)
    return _answer(hotel, call.context.policies.of(hotel), HTTPStatus.OK)


@operation(
    "PUT",
    "/v1/policies/{hotel}",
    tag=_TAG,
    permission=Permission.POLICIES,
    parameters=(_HOTEL, _IF_MATCH, _IF_NONE_MATCH),
    body=Body((JSON,), "The whole policy; its version is given to it.", "PolicyRequest"),
    answers={
        200: json_of("Policy", "It is in force in this process, and within a second in every worker.", headers=_ETAG),
        201: json_of("Policy", "The same, and the hotel had none before.", headers=_ETAG),
        408: problem_answer(408, "The body does not arrive."),
        409: _SAME_MOMENT,
        412: _OTHER,
        413: problem_answer(413, "The body is too large."),
        415: problem_answer(415, "The body is no JSON."),
        422: json_of("PolicyProblem", "It breaks rules; `errors` names each.", media_types=(MEDIA_TYPE,)),
    },
)
async def put_policy(call: Call) -> Response:
    """Set the policy of a hotel.

    It replaces the one in force as a whole, from the next input on; a property that is not there gets its default. With
    `If-Match`, what somebody else has changed since is not overwritten. It is audited in the same transaction.
    """
    hotel = _hotel(call)
    policy = _policy(await json_body(call.request), hotel)
    if isinstance(policy, Response):
        return policy
    try:
        set_now, before = await call.context.policy_changes.put(hotel, policy, actor_of(call.caller), _condition(call))
    except (OtherPolicyError, PolicyReplacedError, KafkaError, TimeoutError) as error:
        raise _not_changed(error) from None
    return _answer(hotel, set_now, HTTPStatus.CREATED if before is None else HTTPStatus.OK)


@operation(
    "DELETE",
    "/v1/policies/{hotel}",
    tag=_TAG,
    permission=Permission.POLICIES,
    parameters=(_HOTEL, _IF_MATCH),
    answers={204: Answer("It is removed.", media_types=()), 404: _NONE, 409: _SAME_MOMENT, 412: _OTHER},
)
async def delete_policy(call: Call) -> Response:
    """Remove the policy of a hotel: the default one applies again.

    It is audited in the same transaction.
    """
    hotel = _hotel(call)
    try:
        removed = await call.context.policy_changes.delete(hotel, actor_of(call.caller), _condition(call))
    except (OtherPolicyError, PolicyReplacedError, KafkaError, TimeoutError) as error:
        raise _not_changed(error) from None
    if not removed:
        raise HTTPException(HTTPStatus.NOT_FOUND, _NONE.description)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _hotel(call: Call) -> str:
    hotel = call.text("hotel") or ""
    if not call.caller.sees(hotel):
        raise HTTPException(HTTPStatus.FORBIDDEN, "Your hotels do not include this one.")
    return hotel


def _policy(body: bytes, hotel: str) -> Policy | Response:
    """The policy of a body, or the answer that says what is wrong with it."""
    content = policy_content(body)
    if isinstance(content, Rejection):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{content.message}.")
    whole = {"hotel": hotel, "version": 1, **content}
    problems = policy_problems(whole)
    if not problems and whole["hotel"] != hotel:
        problems = [Rejection("contract", "BadPolicy", "hotel", "is not that of the path")]
    if problems:
        return _invalid(problems)
    policy = parse_policy(json.dumps(whole).encode())
    return policy if isinstance(policy, Policy) else _invalid([policy])


def _invalid(problems: Sequence[Rejection]) -> Response:
    errors = [{"field": one.field, "reason": one.reason} for one in problems]
    detail = f"{'; '.join(one.message for one in problems)}."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return Response(problem(status, detail, errors=errors), status, media_type=MEDIA_TYPE)


def _condition(call: Call) -> Condition:
    """What the headers demand of the policy in force, by RFC 9110."""
    match, none_match = call.text("If-Match"), call.text("If-None-Match")

    def holds(policy: Policy | None) -> bool:
        if match is not None and not _names(match, policy, weak=False):
            return False
        return none_match is None or not _names(none_match, policy, weak=True)

    return holds


def _names(header: str, policy: Policy | None, *, weak: bool) -> bool:
    """Whether a list of entity tags, or ``*``, has that of a policy."""
    if policy is None:
        return False
    if header.strip() == "*":
        return True
    return any(tag == tag_of(policy) and (weak or not mark) for mark, tag in _TAGS.findall(header))


def _answer(hotel: str, policy: Policy, status: HTTPStatus) -> Response:
    content: Mapping[str, Any] = {"hotel": hotel, **policy.properties()}
    return JSONResponse(content, status, {"ETag": f'"{tag_of(policy)}"'})


def _not_changed(error: Exception) -> HTTPException:
    if isinstance(error, OtherPolicyError):
        return HTTPException(HTTPStatus.PRECONDITION_FAILED, _OTHER.description)
    if isinstance(error, PolicyReplacedError):
        return HTTPException(HTTPStatus.CONFLICT, _SAME_MOMENT.description)
    log.warning("policy_not_changed", error=type(error).__name__, reason=str(error))
    return _unavailable("It is not certain that the brokers have it; read the policy, and try again.")


def _unavailable(reason: str) -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": "5"})


ROUTES = (get_policy, put_policy, delete_policy)
