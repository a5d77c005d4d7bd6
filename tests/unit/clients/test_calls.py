import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import CompressedAudio
from streams.clients.assembling import assemble
from streams.clients.calls import Call, Track
from streams.clients.track_parts import LONGEST_GAP_MS, Gap
from tests.contract.strategies import compressed_events
from tests.support.call_segments import BEGAN, result, segments


def call_of(*results: CompressedAudio) -> Call:
    return assemble(segments(*results))


def numbers(track: Track) -> list[int | None]:
    return [one.result.sequence for one in track.segments]


def one_track(*results: CompressedAudio) -> Track:
    (track,) = call_of(*results).tracks
    return track


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_segments_in_any_order_are_the_call(count: int, chance: random.Random) -> None:
    results = [result(number, final=number == count - 1) for number in range(count)]
    chance.shuffle(results)
    call = call_of(*results)
    assert numbers(call.tracks[0]) == list(range(count))
    assert call.complete
    assert (call.begin, call.duration_ms, call.missing_count) == (BEGAN, count * 2000, 0)


@given(st.sets(st.integers(0, 40), min_size=1), st.data())
def test_what_came_and_what_is_missing_are_all_numbers_once(came: set[int], data: st.DataObject) -> None:
    twice = data.draw(st.lists(st.sampled_from(sorted(came))))
    order = data.draw(st.permutations([*came, *twice]))
    track = one_track(*(result(number) for number in order))
    told: list[int] = []
    for part in track.parts:
        told += range(part.first, part.last + 1) if isinstance(part, Gap) else [part.result.sequence or 0]
    assert told == list(range(max(came) + 1))
    assert set(numbers(track)) == came
    assert track.duration_ms == 2000 * (max(came) + 1)
    assert (len(track.repeated), track.differing) == (len(twice), ())


@given(st.lists(compressed_events, min_size=1, max_size=12))
def test_any_results_make_a_call_that_can_be_told(events: list[CompressedAudio]) -> None:
    call = assemble(segments(*(replace(one, hotel_id="seaside", call_id="call-1") for one in events)))
    left_out = sum(len(track.repeated) + len(track.differing) for track in call.tracks)
    assert call.segment_count + left_out == len(events)
    assert call.complete == (not call.problems)
    assert len({track.name for track in call.tracks}) == len(call.tracks)
    assert call.duration_ms >= max(track.duration_ms for track in call.tracks)
    assert all(gap.duration_ms <= LONGEST_GAP_MS for track in call.tracks for gap in track.gaps)


def test_a_gap_is_as_long_as_its_neighbours_times_say() -> None:
    late = replace(result(3), time=BEGAN + timedelta(seconds=9.25))
    track = one_track(result(0), late)
    assert track.gaps == [Gap(1, 2, 7250, by_times=True)]
    assert track.duration_ms == 2000 + 7250 + 2000


@pytest.mark.parametrize("time", [None, BEGAN, datetime(9999, 1, 1, tzinfo=UTC)])
def test_without_times_that_make_sense_the_usual_length_counts(time: datetime | None) -> None:
    track = one_track(result(0), replace(result(3), time=time))
    assert track.gaps == [Gap(1, 2, 4000, by_times=False)]


def test_lost_milliseconds_within_a_segment_are_not_counted_again() -> None:
    track = one_track(result(0, lost_ms=500), result(2))
    assert track.gaps == [Gap(1, 1, 2000, by_times=True)]


def test_a_number_that_jumps_out_of_all_bounds_is_told_and_not_filled() -> None:
    call = call_of(result(0), result(2**31 - 1, time=None, final=True))
    assert call.tracks[0].duration_ms == 4000
    assert call.problems == ["guest: segments 1 to 2147483646 are missing, and nothing stands in for them"]


def test_the_first_segments_may_be_missing() -> None:
    call = call_of(result(2), result(3, final=True))
    assert call.tracks[0].gaps == [Gap(0, 1, 4000, by_times=False)]
    assert call.begin == BEGAN
    assert call.problems == ["guest: segments 0 to 1 are missing"]


def test_a_call_without_its_final_segment_is_not_complete() -> None:
    assert call_of(result(0)).problems == ["no segment with ce_final has come"]


def test_a_final_segment_that_came_twice_counts_once() -> None:
    call = call_of(result(0), result(1, final=True), result(1, final=True))
    assert (call.complete, call.segment_count) == (True, 2)
    assert call.notes == ["guest: 1 segment came more than once; each counts once"]


def test_a_segment_sent_again_with_other_audio_is_told() -> None:
    other = result(1, pcm_sha256="f" * 64)
    call = call_of(result(0), result(1), other, result(2, final=True))
    assert numbers(call.tracks[0]) == [0, 1, 2]
    assert [one.result for one in call.tracks[0].differing] == [other]
    assert call.notes == ["guest: segment 1 came again with other audio, which is left out"]


def test_an_intact_segment_replaces_a_damaged_one() -> None:
    damaged, again = segments(result(0, final=True), result(0, final=True))
    call = assemble([replace(damaged, problem="is not the file that ce_sha256 describes"), again])
    assert (call.complete, call.tracks[0].segments) == (True, [again])
    alone = assemble([replace(damaged, problem="is not the file that ce_sha256 describes")])
    assert alone.problems == ["guest: segment 0 is not the file that ce_sha256 describes"]


@pytest.mark.parametrize("same_beginning", [0, 1, 2])
def test_numbers_that_start_again_are_a_further_track(same_beginning: int) -> None:
    def take(which: str) -> list[CompressedAudio]:
        return [
            result(
                number,
                causation_id=f"{which}-{number}",
                pcm_sha256=f"{number:064x}" if number < same_beginning else f"{number:063x}" + which,
                final=number == 3,
            )
            for number in range(4)
        ]

    call = call_of(*take("a"), *take("b"))
    assert [track.name for track in call.tracks] == ["guest", "guest.2"]
    assert [numbers(track) for track in call.tracks] == [[0, 1, 2, 3]] * 2
    assert [track.repeated for track in call.tracks] == [()] * 2
    assert call.complete


def test_the_same_call_sent_twice_with_new_ids_is_one_call() -> None:
    again = [result(number, causation_id=f"again-{number}", final=number == 2) for number in range(3)]
    track = one_track(*(result(number, final=number == 2) for number in range(3)), *again)
    assert (numbers(track), len(track.repeated)) == ([0, 1, 2], 3)


def test_two_streams_of_a_call_are_two_tracks() -> None:
    call = call_of(
        result(0, stream_id="one"),
        result(0, stream_id="two", time=BEGAN + timedelta(seconds=30)),
        result(0, channel="agent", time=BEGAN + timedelta(seconds=1), final=True),
    )
    assert [(track.name, track.stream_id) for track in call.tracks] == [
        ("guest", "one"),
        ("guest.2", "two"),
        ("agent", "call-1:agent"),
    ]
    assert call.duration_ms == 32_000


def test_segments_without_numbers_stay_in_the_order_of_the_topic() -> None:
    results = [result(None, causation_id=name, pcm_sha256=name * 64) for name in "cab"]
    track = one_track(*results, results[0])
    assert [one.result.causation_id for one in track.segments] == ["c", "a", "b"]
    assert (track.gaps, len(track.repeated)) == ([], 1)


def test_a_time_before_all_times_is_no_obstacle() -> None:
    track = one_track(result(5, time=datetime(1, 1, 1, tzinfo=UTC)))
    assert track.begin == datetime(1, 1, 1, tzinfo=UTC)
