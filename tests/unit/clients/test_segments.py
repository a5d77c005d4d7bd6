from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from schemas import RawAudio
from streams.audio.clip import Clip, SourceFormat
from streams.clients.segments import segments

BEGAN = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def clip_of(frames: int, channels: int = 1, rate: int = 8000) -> Clip:
    samples = np.arange(frames * channels, dtype=np.int16).reshape(frames, channels)
    return Clip(samples, rate, SourceFormat("wav", "pcm"))


def cut(clip: Clip, seconds: float = 2.0, media: str = "audio/L16", began: datetime | None = None) -> list[RawAudio]:
    return list(
        segments(
            clip,
            hotel_id="seaside",
            call_id="call-1",
            source="/test",
            seconds=seconds,
            channel="guest",
            media=media,
            began=began,
        )
    )


@pytest.mark.parametrize(("media", "order"), [("audio/L16", ">i2"), ("audio/x-slin", "<i2")])
def test_segments_together_are_the_clip_in_the_types_byte_order(media: str, order: str) -> None:
    clip = clip_of(20_001, channels=2, rate=16000)
    events = cut(clip, seconds=0.5, media=media)
    joined = np.frombuffer(b"".join(event.audio for event in events), order).reshape(-1, 2)
    assert (joined == clip.samples).all()
    assert [len(event.audio) // 4 for event in events] == [8000, 8000, 4001]
    assert {str(event.media_type) for event in events} == {f"{media};rate=16000;channels=2"}


def test_segments_are_numbered_timed_and_the_last_one_is_final() -> None:
    events = cut(clip_of(40_000), began=BEGAN)
    assert [event.sequence for event in events] == [0, 1, 2]
    assert [event.final for event in events] == [False, False, True]
    assert [event.time for event in events] == [BEGAN + timedelta(seconds=s) for s in (0, 2, 4)]
    assert len({event.id for event in events}) == 3
    assert {(event.hotel_id, event.call_id, event.channel) for event in events} == {("seaside", "call-1", "guest")}


def test_every_segment_keeps_the_contract() -> None:
    for event in cut(clip_of(8001), seconds=0.02):
        assert RawAudio.from_record(event.to_record()) == event


def test_exact_multiples_leave_no_empty_segment() -> None:
    assert [event.final for event in cut(clip_of(32_000))] == [False, True]


def test_a_clip_without_samples_gives_no_segment() -> None:
    assert cut(clip_of(0)) == []


def test_ids_differ_between_runs() -> None:
    assert cut(clip_of(100))[0].id != cut(clip_of(100))[0].id


@pytest.mark.parametrize(
    ("clip", "seconds", "media", "named"),
    [
        (clip_of(100), 2.0, "audio/wav", "audio/L16"),
        (clip_of(100), 0.0, "audio/L16", "no samples"),
        (clip_of(100, rate=96000), 2.0, "audio/L16", "48000"),
    ],
)
def test_what_cannot_be_sent_is_a_bug_of_the_caller(clip: Clip, seconds: float, media: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        cut(clip, seconds, media)
