"""What is missing from a call."""

from streams.api.call_streams import CallStream
from streams.api.routes.calls import summary


def stream(channel: str | None, *numbers: int | None, final: bool = True, done: bool = True) -> CallStream:
    made = CallStream(channel)
    for at, number in enumerate(numbers):
        made.add(number, final=final and at == len(numbers) - 1, done=done)
    return made


def test_numbers_that_are_missing_are_gaps_of_their_channel() -> None:
    found = summary([stream("guest", 0, 3), stream("agent", 1), stream(None, None)])
    assert found["gaps"] == [
        {"channel": "guest", "first": 1, "last": 2},
        {"channel": "agent", "first": 0, "last": 0},
    ]
    assert (found["channels"], found["segmentCount"], found["complete"]) == (["agent", "guest"], 4, False)


def test_a_call_is_complete_when_every_channel_has_ended_and_all_is_done() -> None:
    guest = stream("guest", 1, 0, 1)
    assert summary([guest, stream("agent", 0)])["complete"]
    going_on = summary([guest, stream("agent", 0, final=False)])
    assert (going_on["final"], going_on["complete"]) == (False, False)
    waiting = summary([guest, stream("agent", 0, done=False)])
    assert (waiting["final"], waiting["complete"]) == (True, False)
