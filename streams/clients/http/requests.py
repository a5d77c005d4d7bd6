"""The requests of the clients, apart from how they are sent: generators that yield them and are sent the answers.

So the two clients are the same but for the waiting.
"""

import json
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx

from streams.clients.errors import ApiRefusedError, ApiUnavailableError
from streams.clients.http.types import Call, Event, Recording

T = TypeVar("T")
_AGAIN = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0  # seconds, where nothing says how long to wait
_LOOK = 0.5  # seconds between two looks whether a recording has an outcome


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: HTTP's.
        path: The path, escaped.
        parameters: Of the query.
        headers: Its headers.
        content: Its body: bytes, or a file with them; None for none.
    """

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path | None = None


#: Yields what is to be sent, or for how many seconds to wait; is sent the answer, or thrown `httpx.TransportError`.
Work = Generator[Request | float, httpx.Response | None, T]


def path_of(*parts: str) -> str:
    """A path of parts that may have any characters."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def given(**parameters: object) -> dict[str, str]:
    """The parameters that have a value, as text."""
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def answered(request: Request, patience: float) -> Work[httpx.Response]:
    """Send a request, again while the API or the network is not able to answer: all requests may be sent twice.

    Args:
        request: The request.
        patience: Seconds to wait altogether; ``Retry-After`` says how long each time.

    Raises:
        ApiUnavailableError: If it was in vain.
        ApiRefusedError: If the API refuses it.
    """
    waited, pause = 0.0, _FIRST_PAUSE
    while True:
        failure: httpx.TransportError | None = None
        response: httpx.Response | None = None
        try:
            response = yield request
        except httpx.TransportError as error:
            failure = error
        if response is not None and response.status_code not in _AGAIN:
            break
        wait = _retry_after(response) or pause
        if waited + wait > patience:
            raise _unavailable(response, failure) from failure
        yield wait
        waited, pause = waited + wait, min(2 * pause, _LONGEST_PAUSE)
    if response.is_error:
        raise ApiRefusedError(response.status_code, _detail(response))
    return response


def document_of(request: Request, patience: float) -> Work[Any]:
    """The JSON that a request is answered with; None for an empty answer."""
    response = yield from answered(request, patience)
    return response.json() if response.content else None


def content_of(request: Request, patience: float) -> Work[bytes]:
    """The bytes that a request is answered with."""
    return (yield from answered(request, patience)).content


def sending(
    audio: bytes | Path, parameters: Mapping[str, str], headers: Mapping[str, str], patience: float
) -> Work[Recording]:
    """Send a recording, with a random key unless there is one, so that an attempt that is repeated is no second one."""
    with_key = {"Idempotency-Key": str(uuid.uuid4()), **headers}
    request = Request("POST", "/v1/recordings", parameters, with_key, audio)
    return cast("Recording", (yield from document_of(request, patience)))


def outcome(number: str, within: float, patience: float) -> Work[Recording]:
    """A recording as soon as it is not queued any more, or as it is when time is over."""
    until = time.monotonic() + within
    while True:
        found: Recording = yield from document_of(Request("GET", path_of("v1", "recordings", number)), patience)
        if found["state"] != "queued" or time.monotonic() + _LOOK > until:
            return found
        yield _LOOK


def page(path: str, parameters: Mapping[str, str], cursor: str | None, patience: float) -> Work[dict[str, Any]]:
    """A page of a list, from its beginning or where a cursor leads."""
    request = Request("GET", path, {**parameters, **given(cursor=cursor)})
    found: dict[str, Any] = yield from document_of(request, patience)
    return found


def whole_call(call: str, parameters: Mapping[str, str], patience: float) -> Work[Call]:
    """A call with all its segments, whose cursor is null."""
    path = path_of("v1", "calls", call)
    found = yield from page(path, parameters, None, patience)
    while found["cursor"] is not None:
        following = yield from page(path, parameters, found["cursor"], patience)
        found = {**following, "segments": [*found["segments"], *following["segments"]]}
    return cast("Call", found)


def with_json(method: str, path: str, body: object, **headers: str | None) -> Request:
    """A request with a body of JSON."""
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): text for name, text in headers.items() if text is not None
    }
    return Request(method, path, headers=sent, content=json.dumps(body).encode())


class EventParser:
    """Makes events of the lines of a stream.

    Attributes:
        last: The id of the last event that was complete.
    """

    def __init__(self, last: str | None) -> None:
        self.last = last
        self._event = Event("", "message", {})
        self._data: list[str] = []

    def line(self, text: str) -> Event | None:
        """Take a line; returns the event that it ends."""
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "id":
                self._event = self._event._replace(id=value)
            case "event":
                self._event = self._event._replace(name=value)
            case "data":
                self._data.append(value)
            case "" if not text:
                return self._ended()
        return None

    def again(self) -> Request:
        """The request for what follows."""
        self._event, self._data = Event("", "message", {}), []
        return Request("GET", "/v1/events", headers={} if self.last is None else {"Last-Event-ID": self.last})

    def _ended(self) -> Event | None:
        event, data = self._event, "\n".join(self._data)
        self._event, self._data = Event(event.id, "message", {}), []
        if not data:
            return None
        self.last = event.id or self.last
        return event._replace(data=json.loads(data))


def checked(response: httpx.Response) -> httpx.Response:
    """An answer that is no refusal.

    Raises:
        ApiUnavailableError: For one that may pass.
        ApiRefusedError: For another one.
    """
    if response.status_code in _AGAIN:
        raise _unavailable(response, None)
    if response.is_error:
        raise ApiRefusedError(response.status_code, _detail(response))
    return response


def with_credential(request: Request, credential: str | None) -> Request:
    """The request with an API key or a token."""
    if credential is None:
        return request
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {credential}"})


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _retry_after(response: httpx.Response | None) -> float | None:
    text = "" if response is None else response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _unavailable(response: httpx.Response | None, failure: Exception | None) -> ApiUnavailableError:
    if response is None:
        return ApiUnavailableError(0, f"the API does not answer ({failure!r}): check its address and the network")
    return ApiUnavailableError(response.status_code, _detail(response))


def _detail(response: httpx.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        found = None
    detail = found.get("detail") if isinstance(found, dict) else None
    return detail if isinstance(detail, str) else response.reason_phrase
