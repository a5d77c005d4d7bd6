"""The clients of the HTTP API, against answers of our own: what is sent, what is tried again, what is raised."""

import inspect
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.clients.errors import ApiRefusedError, ApiUnavailableError
from streams.clients.http import AsyncHttpClient, HttpClient, client

Answer = httpx.Response | httpx.TransportError


class Api(httpx.MockTransport):
    """Gives answers in a row, and keeps the requests with their bodies."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        super().__init__(self._answer)
        self.answers = list(answers)
        self.requests: list[tuple[httpx.Request, bytes]] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request, request.read()))
        answer = self.answers.pop(0)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer


def problem(status: int, detail: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "detail": detail}, headers=headers)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(client, "sleep", waited.append)
    return waited


def asked(*answers: Answer, **options: Any) -> tuple[HttpClient, Api]:
    api = Api(answers)
    return HttpClient("http://api", "secret", transport=api, **options), api


def test_a_recording_is_sent_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    http, api = asked(httpx.Response(202, json={"id": "1"}))
    (tmp_path / "audio").write_bytes(b"sound")
    assert http.send(tmp_path / "audio", "audio/wav", "lisbon", call="a b", final=True, wait=3)["id"] == "1"
    ((request, body),) = api.requests
    assert dict(request.url.params) == {"hotel": "lisbon", "call": "a b", "final": "true"}
    assert body == b"sound"
    assert request.headers["authorization"] == "Bearer secret"
    assert (request.headers["prefer"], request.headers["content-type"]) == ("wait=3", "audio/wav")
    assert request.headers["idempotency-key"]


def test_what_is_tried_again_has_the_same_key_and_waits_as_long_as_it_is_told(pauses: list[float]) -> None:
    busy, away = problem(429, "wait", **{"Retry-After": "7"}), httpx.ConnectError("refused")
    http, api = asked(busy, problem(503, "later"), away, httpx.Response(202, json={"id": "1"}))
    http.send(b"sound", "audio/wav", "lisbon")
    assert pauses == [7.0, 1.0, 2.0]
    keys = [request.headers["idempotency-key"] for request, _ in api.requests]
    assert len(set(keys)) == 1
    assert [body for _, body in api.requests] == [b"sound"] * 4


@pytest.mark.parametrize("answer", [problem(503, "overloaded", **{"Retry-After": "9"}), httpx.ConnectError("refused")])
def test_patience_ends(pauses: list[float], answer: Answer) -> None:
    http, _ = asked(*[answer] * 9, patience=10.0)
    with pytest.raises(ApiUnavailableError, match=r"overloaded|does not answer"):
        http.recording("1")
    assert sum(pauses) <= 10.0


def test_what_is_refused_says_why(pauses: list[float]) -> None:
    http, api = asked(problem(422, "The body is empty."))
    with pytest.raises(ApiRefusedError, match=r"The body is empty\.") as raised:
        http.send(b"", "audio/wav", "lisbon")
    assert (raised.value.status, len(api.requests), pauses) == (422, 1, [])


def test_lists_go_on_at_their_cursors() -> None:
    pages = [{"items": [{"id": "1"}, {"id": "2"}], "cursor": "c"}, {"items": [{"id": "3"}], "cursor": None}]
    http, api = asked(*(httpx.Response(200, json=one) for one in pages))
    assert [one["id"] for one in http.find(hotel="lisbon")] == ["1", "2", "3"]
    queries = [dict(request.url.params) for request, _ in api.requests]
    assert queries == [{"hotel": "lisbon"}, {"hotel": "lisbon", "cursor": "c"}]


def test_a_call_has_all_its_segments_and_its_id_may_have_any_character() -> None:
    pages = [{"segments": [1], "cursor": "c", "id": "a/b?"}, {"segments": [2], "cursor": None, "id": "a/b?"}]
    http, api = asked(*(httpx.Response(200, json=one) for one in pages))
    assert len(http.call("a/b?")["segments"]) == 2
    assert {request.url.raw_path.partition(b"?")[0] for request, _ in api.requests} == {b"/v1/calls/a%2Fb%3F"}


def test_inputs_are_sent_again_by_ids_or_by_choice() -> None:
    http, api = asked(*(httpx.Response(200, json={"replayed": 1}) for _ in range(2)))
    http.replay("1", "2", dry_run=True)
    http.replay(reason="NotAudio", limit=5, canary=1)
    bodies = [json.loads(body) for _, body in api.requests]
    assert bodies == [
        {"dryRun": True, "ids": ["1", "2"]},
        {"dryRun": False, "canary": 1, "reason": "NotAudio", "limit": 5},
    ]


def test_waiting_ends_with_an_outcome_or_with_the_time(pauses: list[float]) -> None:
    states = [httpx.Response(200, json={"state": state}) for state in ("queued", "queued", "done")]
    http, _ = asked(*states)
    assert http.wait("1")["state"] == "done"
    assert pauses == [0.5, 0.5]
    late, _ = asked(httpx.Response(200, json={"state": "queued"}))
    assert late.wait("1", within=0)["state"] == "queued"


def test_events_go_on_behind_the_last_one_when_the_connection_is_lost(pauses: list[float]) -> None:
    def stream(*numbers: int) -> httpx.Response:
        text = "".join(f'id: {one}\nevent: flow\ndata: {{"lag": {one}}}\n\n' for one in numbers)
        return httpx.Response(200, text=f": hello\n{text}id: 99\n")

    http, api = asked(stream(1, 2), problem(503, "full"), httpx.ReadError("cut"), stream(3))
    events = http.events()
    assert [next(events) for _ in range(3)] == [(str(one), "flow", {"lag": one}) for one in (1, 2, 3)]
    assert [request.headers.get("last-event-id") for request, _ in api.requests] == [None, "2", "2", "2"]
    assert pauses == [1.0] * 3


async def test_the_asynchronous_client_does_the_same(tmp_path: Path) -> None:
    (tmp_path / "audio").write_bytes(b"sound" * 500_000)
    pages = [{"items": [{"id": "1"}], "cursor": "c"}, {"items": [{"id": "2"}], "cursor": None}]
    answers = [httpx.Response(202, json={"id": "1"}), *(httpx.Response(200, json=one) for one in pages)]
    bodies = []

    async def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(await request.aread())
        return answers.pop(0)

    async with AsyncHttpClient("http://api", transport=httpx.MockTransport(answer)) as http:
        assert (await http.send(tmp_path / "audio", "audio/wav", "lisbon"))["id"] == "1"
        assert [one["id"] async for one in http.find()] == ["1", "2"]
    assert bodies[0] == b"sound" * 500_000


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found: list[tuple[str, Callable[..., Any]]] = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(one).parameters) for name, one in found if not name.startswith("_")}

    ours, theirs = methods(HttpClient), methods(AsyncHttpClient)
    assert ours.keys() - {"close"} == theirs.keys() - {"aclose"}
    assert all(theirs[name] == ours[name] for name in ours.keys() & theirs.keys())
