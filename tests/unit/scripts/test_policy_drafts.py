"""A policy from a file or from options: what is wrong with it, what differs, and what the topic's history says."""

import json
from typing import Any

import pytest

from schemas import Policy, PolicyEvent, Position, Record
from scripts.commands.policy import main
from scripts.policies.draft import all_rules, described, differences, from_file, from_options
from streams.policies.history import History

PRESENT = Policy(3, ceiling_level=4, accept=("audio/flac", "audio/ogg"), min_quality=4.1, cache_channels=("mixed",))


def by_options(given: dict[str, str | bool | None], present: Policy | None = PRESENT) -> Policy:
    draft = from_options(given, present, "seaside", 4)
    assert draft.problems == ()
    assert draft.policy is not None
    return draft.policy


def written(**content: Any) -> bytes:
    return json.dumps(content).encode()


def test_what_no_option_names_stays() -> None:
    assert by_options({"legalHold": True}) == Policy(
        4,
        ceiling_level=4,
        accept=("audio/flac", "audio/ogg"),
        legal_hold=True,
        min_quality=4.1,
        cache_channels=("mixed",),
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("ceilingLevel", "5", "ceiling_level", 5),
        ("defaultLevel", "4", "default_level", 4),
        ("accept", "opus, audio/mpeg,wav", "accept", ("audio/ogg;codecs=opus", "audio/mpeg", "audio/wav")),
        ("accept", "none", "accept", ()),
        ("minQuality", "3.9", "min_quality", 3.9),
        ("minQuality", "none", "min_quality", None),
        ("maxBytesPerMinute", "90000", "max_bytes_per_minute", 90_000),
        ("retentionDays", "365", "retention_days", 365),
        ("cacheChannels", "prompt,unnamed", "cache_channels", ("prompt", "unnamed")),
        ("cacheChannels", "none", "cache_channels", ()),
    ],
)
def test_each_option(name: str, text: str, field: str, value: object) -> None:
    assert getattr(by_options({name: text}), field) == value


def test_the_archive_is_switched_on_and_off() -> None:
    archived = by_options({"archive": True})
    assert archived.archive
    assert described(Policy(1, archive=True)) == "archive yes"
    assert differences(archived, by_options({"archive": False}, archived)) == [("archive", "yes", "no")]


def test_without_a_policy_the_rest_is_the_default() -> None:
    assert by_options({"floorLevel": "2"}, None) == Policy(4, floor_level=2)


def test_every_mistake_is_told_in_the_words_of_the_options() -> None:
    draft = from_options(
        {"floorLevel": "four", "minQuality": "9", "accept": "aac,flac", "maxBytesPerMinute": "1e9"}, None, "seaside", 1
    )
    types = "audio/wav, audio/flac, audio/mpeg, audio/ogg, audio/ogg;codecs=opus, audio/ogg;codecs=vorbis"
    assert draft.problems == (
        '--floor-level: is "four" and must be a level from 1 to 5',
        "--min-quality: is 9 and must be a number from 1.0 to 4.5",
        f'--accept: is ["aac", "audio/flac"] and must be a list of different media types out of {types}',
        '--max-bytes-per-minute: is "1e9" and must be a whole number from 1000 to 2147483647',
    )


def test_contradictions_with_the_policy_in_force_are_told() -> None:
    draft = from_options({"floorLevel": "5"}, PRESENT, "seaside", 4)
    assert draft.problems == ("--floor-level: is 5, above --ceiling-level, which is 4",)


def test_a_file_is_the_whole_policy_and_its_version_does_not_count() -> None:
    draft = from_file(written(version=99, hotel="seaside", floorLevel=2), "seaside", 4)
    assert draft.policy == Policy(4, floor_level=2)
    assert from_file(written(legalHold=True), "seaside", 1).policy == Policy(1, legal_hold=True)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (b"{", ("value: must be JSON in UTF-8: line 1, character 2: a property's name in double quotes is missing",)),
        (written(hotel="lisbon"), ('hotel: is "lisbon", and --hotel is "seaside"',)),
        (
            written(ceilingLevel=9, legalHold="yes"),
            (
                "ceilingLevel: is 9 and must be a level from 1 to 5",
                'legalHold: is "yes" and must be true or false',
            ),
        ),
    ],
)
def test_every_mistake_in_a_file_is_told(text: bytes, problems: tuple[str, ...]) -> None:
    found = from_file(text, "seaside", 1).problems
    assert len(found) == len(problems)
    assert all(one.startswith(expected) for one, expected in zip(found, problems, strict=True))


def test_differences_are_in_plain_words() -> None:
    assert differences(PRESENT, Policy(4, legal_hold=True, max_bytes_per_minute=90_000)) == [
        ("ceiling level", "4", "5"),
        ("accept", "audio/flac, audio/ogg", "all"),
        ("legal hold", "no", "yes"),
        ("min quality", "4.1", "of the level"),
        ("max bytes per minute", "no limit", "90,000"),
        ("cache channels", "mixed", "prompt"),
    ]
    assert differences(None, Policy(7)) == []
    assert described(Policy(7)) == "no rules"
    assert described(Policy(1, legal_hold=True, floor_level=2)) == "floor level 2, legal hold yes"
    assert len(dict(all_rules(Policy(1)))) == 11


def history_of(*events: PolicyEvent | Record) -> History:
    records = (event if isinstance(event, Record) else event.to_record() for event in events)
    return History((record, Position("p", 0, offset), 1000 * offset) for offset, record in enumerate(records))


def test_the_history_is_what_workers_apply() -> None:
    history = history_of(
        PolicyEvent("seaside", Policy(2)),
        PolicyEvent("lisbon", Policy(1)),
        Record(b"seaside", b"no policy"),
        PolicyEvent("seaside", Policy(2, legal_hold=True)),
        PolicyEvent("lisbon", None),
    )
    assert history.policy("seaside") == Policy(2)
    assert (history.policy("lisbon"), history.policy("nobody")) == (None, None)
    assert [change.hotel_id for change in history.all_in_force()] == ["seaside"]
    stale = history.changes("seaside")[-1]
    assert stale.refused is not None
    assert stale.refused.message == "version: is 2 and must be above 2, which is in force"


def test_the_next_version_is_above_all_that_stand_in_the_topic() -> None:
    assert history_of().next_version("seaside") == 1
    history = history_of(PolicyEvent("seaside", Policy(5)), PolicyEvent("seaside", Policy(2)))
    assert history.next_version("seaside") == 6
    removed = history_of(PolicyEvent("seaside", Policy(5)), PolicyEvent("seaside", None))
    assert removed.next_version("seaside") == 6


def test_a_hotel_id_that_no_call_can_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["set", "--hotel", "sea\nside", "--ceiling-level", "4"]) == 1
    assert (
        capsys.readouterr().err
        == "policy: --hotel must not have control characters: no call's ce_hotelid can have them\n"
    )
