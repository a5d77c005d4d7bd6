"""How a static member leaves its group, in terms of the client; no broker is needed."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import UnknownMemberIdError
from aiokafka.protocol.group import LeaveGroupRequest

from streams.engine.consumer_thread import _leave


class Coordinator:
    """The client's side of a group membership; it forgets its member id when it is closed, as aiokafka's does."""

    def __init__(self, generation: int, error_code: int = 0) -> None:
        self.group_id, self.member_id, self.generation = "group", "member-1", generation
        self.steps: list[str] = []
        self._error_code = error_code

    async def close(self) -> None:
        self.steps.append("heartbeats end")
        self.member_id, self.generation = "", -1

    async def _send_req(self, request: Any) -> object:
        assert isinstance(request, LeaveGroupRequest)
        self.steps.append(f"{request._group} is left by {request._member_id}")  # noqa: SLF001  it shows them nowhere
        return SimpleNamespace(error_code=self._error_code)


async def test_heartbeats_end_before_the_member_of_this_session_leaves() -> None:
    coordinator = Coordinator(generation=3)
    await _leave(coordinator)
    assert coordinator.steps == ["heartbeats end", "group is left by member-1"]


async def test_who_has_not_joined_does_not_leave() -> None:
    coordinator = Coordinator(generation=-1)
    await _leave(coordinator)
    assert coordinator.steps == ["heartbeats end"]


async def test_a_member_that_was_replaced_removes_nobody() -> None:
    with pytest.raises(UnknownMemberIdError):
        await _leave(Coordinator(generation=3, error_code=UnknownMemberIdError.errno))
