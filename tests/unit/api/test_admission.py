"""How many requests are answered at a time, and how much audio they hold."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from streams.api import app
from streams.api.app import Admission
from streams.api.context import ApiContext
from streams.api.memory import Memory
from streams.telemetry.metrics import ApiProcessMetrics


class Application:
    """Begins its answers and ends them when it is told to."""

    def __init__(self) -> None:
        self.memory = Memory(100)
        self.tasks: list[asyncio.Future[None]] = []
        self.begin, self.end = asyncio.Event(), asyncio.Event()
        context = SimpleNamespace(memory=self.memory, metrics=ApiProcessMetrics())
        self.admission = Admission(self, cast("ApiContext", context))

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        self.memory.hold(scope, 40)
        await self.begin.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.end.wait()
        await send({"type": "http.response.body", "body": b""})

    async def ask(self) -> int:
        """The status of an answer, as soon as it has begun; the rest of it comes later."""
        status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.set_result(message["status"])

        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": []}
        task = asyncio.ensure_future(self.admission(scope, cast("Receive", None), send))
        self.tasks.append(task)
        return await status


async def test_what_a_request_holds_is_given_back_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_IN_FLIGHT", 2)
    one = Application()
    waiting = [asyncio.create_task(one.ask()) for _ in range(2)]
    while one.memory.free > 20:
        await asyncio.sleep(0)
    assert await one.ask() == 503  # two are being answered
    one.begin.set()
    assert [await answer for answer in waiting] == [200, 200]
    assert one.memory.free == 20
    one.end.set()
    await asyncio.gather(*one.tasks)
    assert one.memory.free == 100
    assert await one.ask() == 200


def test_what_is_held_is_given_back_once() -> None:
    memory = Memory(100)
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    memory.hold(first, 60)
    with pytest.raises(HTTPException) as refused:
        memory.hold(second, 41)
    assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
    memory.hold(second, 40)
    memory.give_back(second)
    memory.give_back(second)
    memory.hold(first, 40)
    assert memory.free == 0
    memory.give_back(first)
    assert memory.free == 100
