"""The OpenAPI 3.1 document, made from the declarations of the operations."""

import re
from collections.abc import Sequence
from typing import Any

from streams.api.operations import Answer, Body, Operation
from streams.api.schemas import SCHEMAS, reference
from streams.security.problem import MEDIA_TYPE
from streams.telemetry.product_version import version_of

_PROBLEMS = {
    400: "A parameter is missing or not as wanted.",
    401: "No credential that is valid here.",
    403: "The role does not include this.",
    429: "Too many requests a second.",
    500: "A bug; the log has it.",
    503: "Overloaded, or the brokers do not answer.",
}
_RETRY_AFTER = {"Retry-After": "Seconds to wait."}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document of some operations."""
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hotel call audio",
            "version": re.split(r"[ +]", version_of())[0],
            "description": "Send recordings, find and hear results, repair what was refused.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a JSON Web Token."}
            },
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
    }


def _operation(one: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": one.description,
        "tags": [one.tag],
        "security": [] if one.permission is None else [{"bearer": []}],
        "parameters": [parameter.document() for parameter in one.parameters],
        "responses": {str(status): _answer(answer, operations) for status, answer in sorted(answers_of(one).items())},
    }
    if one.permission is not None:
        described["x-permission"] = one.permission.value
    if one.body is not None:
        described["requestBody"] = _body(one.body)
    return described


def answers_of(one: Operation) -> dict[int, Answer]:
    """All answers of an operation: its own, and the problems that any may have."""
    general = {400, 500, 503} | ({401, 403, 429} if one.permission is not None else set())
    problems = {status: problem_answer(status, _PROBLEMS[status]) for status in general}
    return {**problems, **one.answers}


def problem_answer(status: int, description: str) -> Answer:
    """An answer with a problem document."""
    headers = _RETRY_AFTER if status in {429, 503} else {}
    return Answer(description, "Problem", (MEDIA_TYPE,), headers)


def _answer(answer: Answer, operations: Sequence[Operation]) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"} if answer.schema is None else reference(answer.schema)
    described: dict[str, Any] = {"description": answer.description}
    if answer.media_types:
        described["content"] = {media_type: {"schema": schema} for media_type in answer.media_types}
    if answer.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    known = {one.name for one in operations}
    links = {name: parameters for name, parameters in answer.links.items() if name in known}
    if links:
        described["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)} for name, parameters in links.items()
        }
    return described


def _body(body: Body) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary", "minLength": 1} if body.schema is None else reference(body.schema)
    content = {media_type: {"schema": schema} for media_type in body.media_types}
    return {"description": body.description, "required": body.required, "content": content}
