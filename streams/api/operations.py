"""Operations: each is declared beside its handler; routes, document and access matrix follow from that."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.api.access import Caller
from streams.api.parameters import Parameter, Value
from streams.security.request_path import part_of
from streams.security.roles import Permission

if TYPE_CHECKING:  # the context knows the index and the brokers, which no declaration needs
    from streams.api.context import ApiContext

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: who asks, and the parameters.

    Attributes:
        request: The request.
        context: The process's parts.
        caller: Who asks.
        values: The values of the declared parameters that were given, by name.
    """

    request: Request
    context: "ApiContext"
    caller: Caller
    values: Mapping[str, Value]

    def text(self, name: str) -> str | None:
        """The text of a parameter; None if it was not given."""
        return cast("str | None", self.values.get(name))

    def integer(self, name: str, default: int) -> int:
        """The number of a parameter."""
        return cast("int", self.values.get(name, default))


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A kind of answer.

    Attributes:
        description: What it means.
        schema: Name of the body's schema in `streams.api.schemas`; None for no body, or for one that is no JSON.
        media_types: Of the body.
        headers: Its headers of interest, with what they mean.
        links: Operations that follow on it: the name of each, with its parameters as runtime expressions.
    """

    description: str
    schema: str | None = None
    media_types: tuple[str, ...] = (JSON,)
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """The body that an operation takes.

    Attributes:
        media_types: Accepted ones.
        description: What it is.
        schema: Name of its schema; None for bytes.
        required: Whether there has to be one.
    """

    media_types: tuple[str, ...]
    description: str
    schema: str | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Attributes:
        method: HTTP's.
        path: Its path, with parameters in braces.
        summary: What it does, in a few words.
        description: What else there is to know, in Markdown.
        tag: The resource.
        permission: What it takes; None if anybody may.
        parameters: Its parameters.
        answers: Its answers by status; those of every operation need not be among them.
        body: The body that it takes.
        handler: Answers it.
    """

    method: str
    path: str
    summary: str
    description: str
    tag: str
    permission: Permission | None
    parameters: tuple[Parameter, ...]
    answers: Mapping[int, Answer]
    body: Body | None
    handler: Handler

    @property
    def name(self) -> str:
        """Its ``operationId``."""
        return cast("str", getattr(self.handler, "__name__", self.summary))

    def values(self, request: Request) -> dict[str, Value]:
        """Read the parameters of a request.

        Raises:
            HTTPException: If one is missing, given twice, or not as its schema says.
        """
        found: dict[str, Value] = {}
        for one in self.parameters:
            texts = _texts(request, one)
            if not texts:
                if one.required:
                    raise HTTPException(HTTPStatus.BAD_REQUEST, f"{one.name} is missing: {one.wanted}")
                continue
            value = one.read(texts[0]) if len(texts) == 1 else None
            if value is None:
                raise HTTPException(HTTPStatus.BAD_REQUEST, f"{one.name} is not as wanted: {one.wanted}")
            found[one.name] = value
        return found


def _texts(request: Request, one: Parameter) -> list[str]:
    if one.place == "path":
        return [part_of(request, one.name)]
    if one.place == "header":
        return request.headers.getlist(one.name)
    return request.query_params.getlist(one.name)


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    permission: Permission | None,
    answers: Mapping[int, Answer],
    parameters: tuple[Parameter, ...] = (),
    body: Body | None = None,
) -> Callable[[Handler], Operation]:
    """Declare a handler as an operation; the arguments are the attributes of `Operation`.

    The first line of the handler's docstring is the summary, and the rest the description.
    """

    def declare(handler: Handler) -> Operation:
        summary, _, description = (handler.__doc__ or "").strip().partition("\n")
        text = " ".join(description.split())
        return Operation(method, path, summary.rstrip("."), text, tag, permission, parameters, answers, body, handler)

    return declare


def json_of(schema: str, description: str, **rest: Any) -> Answer:
    """An answer in JSON."""
    return Answer(description, schema, **rest)
