"""The segments of a call on one time axis."""

from typing import Any

from streams.console.recordings import Segment, grouped, segments_of, summary
from streams.console.timeline import WIDTH, timeline


def segment(channel: str, start: int, milliseconds: int | None, **changed: Any) -> Segment:
    """A segment, as the API shows one."""
    result = {"durationMs": milliseconds, "level": 3, "bytes": 100, "originalBytes": 1000, "quality": 4.3}
    document = {
        "id": f"{channel}-{start}",
        "state": "done",
        "hotel": "seaside",
        "call": "c",
        "channel": channel,
        "time": f"2026-12-01T02:00:{start / 1000:06.3f}+00:00",
        "result": None if milliseconds is None else result,
    }
    first = document | {"id": "first", "channel": "first", "time": "2026-12-01T02:00:00+00:00"}
    return segments_of([first, document | changed])[1]


def test_channels_are_rows_and_share_the_axis() -> None:
    line = timeline([segment("agent", 5000, 5000), segment("guest", 0, 10_000)])
    assert [row.channel for row in line.rows] == ["guest", "agent"]
    assert line.length_ms == 10_000
    (agent,) = line.rows[1].blocks
    assert (agent.x, agent.width) == (WIDTH / 2, WIDTH / 2)
    assert [tick.seconds for tick in line.ticks] == list(range(11))


def test_time_without_audio_is_a_gap() -> None:
    row = timeline([segment("guest", 0, 2000), segment("guest", 7000, 3000)]).rows[0]
    assert [(gap.x, gap.width, gap.milliseconds) for gap in row.gaps] == [(200, 500, 5000)]
    assert timeline([segment("guest", 0, 2000), segment("guest", 2050, 3000)]).rows[0].gaps == ()


def test_a_segment_of_unknown_length_reaches_to_the_next() -> None:
    row = timeline([segment("guest", 0, None, state="dead"), segment("guest", 5000, 5000)]).rows[0]
    assert [block.width for block in row.blocks] == [500, 500]
    assert row.gaps == ()


def test_a_call_of_nothing_known_is_still_drawn() -> None:
    line = timeline([segment("guest", 0, None)])
    assert line.length_ms == 0
    assert line.rows[0].blocks[0].width > 0


def test_a_summary_counts_states_and_the_longest_channel() -> None:
    call = summary([segment("guest", 0, 2000), segment("guest", 3000, None, state="queued"), segment("agent", 0, 5000)])
    assert (call.duration_ms, call.before, call.after, call.share) == (5000, 2000, 200, 10)
    assert call.states == {"done": 2, "queued": 1}
    assert call.channels == ("agent", "guest")


def test_recordings_are_grouped_by_hotel_and_call() -> None:
    one, other = segment("guest", 0, 1), segment("guest", 1, 1, hotel="lisbon")
    assert grouped([one, other, segment("agent", 0, 1)])[0][1].channel == "agent"
    assert len(grouped([one, other])) == 2
