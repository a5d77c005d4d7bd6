"""Hotels' policies are read exactly as the published schema says, or refused as a whole."""

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Policy, PolicyEvent, Record, Rejection, parse_policy
from schemas.policy import ACCEPTABLE, CACHEABLE, policy_problems
from streams.compression import DEFAULT_POLICY

SCHEMA = json.loads((files("schemas") / "policy.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
LEAST = {"version": 1, "hotel": "seaside"}


def written(**content: Any) -> bytes:
    return json.dumps(LEAST | content).encode()


def refused(text: bytes) -> Rejection:
    found = parse_policy(text)
    assert isinstance(found, Rejection)
    assert (found.stage, found.code) == ("contract", "BadPolicy")
    return found


def test_the_published_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_missing_properties_have_defaults() -> None:
    assert parse_policy(written()) == Policy(version=1)
    assert Policy(version=0) == DEFAULT_POLICY


def test_all_properties_are_read() -> None:
    rules: dict[str, Any] = {"floorLevel": 2, "ceilingLevel": 4, "defaultLevel": 4, "legalHold": True}
    policy = parse_policy(
        written(
            **rules,
            accept=["audio/flac", "audio/ogg"],
            minQuality=4.1,
            maxBytesPerMinute=90_000,
            cacheChannels=["mixed", "unnamed"],
            archive=True,
        )
    )
    assert policy == Policy(1, 2, 4, 4, ("audio/flac", "audio/ogg"), True, 4.1, 90_000, ("mixed", "unnamed"), True)


@pytest.mark.parametrize("bound", [{"floorLevel": 4}, {"ceilingLevel": 2}])
def test_bounds_need_no_default_level(bound: dict[str, int]) -> None:
    policy = parse_policy(written(**bound))
    assert isinstance(policy, Policy)
    assert policy.default_level == 3
    assert parse_policy(PolicyEvent("seaside", policy).to_record().value or b"") == policy


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", "value"),
        (b"\xff", "value"),
        (b"[]", "value"),
        (b"null", "value"),
        (b"[" * 60_000, "value"),
        (b'{"version": 1, "version": 2, "hotel": "a"}', "value"),
        (b'{"version": 1, "hotel": "a", "minQuality": NaN}', "value"),
        (b" " * 70_000, "value"),
        (b'{"hotel": "a"}', "version"),
        (b'{"version": 1}', "hotel"),
        (written(version=0), "version"),
        (written(version="1"), "version"),
        (written(version=True), "version"),
        (written(version=1.5), "version"),
        (b'{"version": 1e400, "hotel": "a"}', "version"),
        (written(hotel=""), "hotel"),
        (written(hotel=7), "hotel"),
        (written(floorLevel=0), "floorLevel"),
        (written(ceilingLevel=6), "ceilingLevel"),
        (written(floorLevel=4, ceilingLevel=3), "floorLevel"),
        (written(ceilingLevel=3, defaultLevel=4), "defaultLevel"),
        (written(accept="audio/wav"), "accept"),
        (written(accept=["audio/aac"]), "accept"),
        (written(accept=["audio/wav", "audio/wav"]), "accept"),
        (written(accept=[["audio/wav"]]), "accept"),
        (written(accept=["audio/mpeg"], legalHold=True), "accept"),
        (written(accept=["audio/ogg"], ceilingLevel=2), "accept"),
        (written(legalHold="yes"), "legalHold"),
        (written(legalHold=1), "legalHold"),
        (written(minQuality=4.6), "minQuality"),
        (written(minQuality=None), "minQuality"),
        (written(maxBytesPerMinute=999), "maxBytesPerMinute"),
        (written(cacheChannels="mixed"), "cacheChannels"),
        (written(cacheChannels=["music"]), "cacheChannels"),
        (written(cacheChannels=["mixed", "mixed"]), "cacheChannels"),
        (written(archive="yes"), "archive"),
        (written(archive=None), "archive"),
        (written(legalhold=True), "'legalhold'"),
    ],
)
def test_a_broken_rule_is_named(text: bytes, field: str) -> None:
    assert refused(text).field == field


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "there is nothing in it"),
        (b'{"version": 1, "hotel": "a\xff"}', "byte 27 is not UTF-8"),
        (b'{"version": 1 "hotel": "a"}', "line 1, character 15: a comma or the closing bracket is missing"),
        (b'{"version": 1,\n "hotel": }', "line 2, character 11: a value is missing"),
        (b'{"version": 1,}', "character 15: "),
        (b"{version: 1}", "character 2: a property's name in double quotes is missing"),
        (b'{"version" 1}', "the colon after a property's name is missing"),
        (b'{"version": 1} {}', "something follows the end"),
        (b'{"version": "1}', "a text has no closing quote"),
        (b'{"hotel": "a\n"}', "a text holds a line break"),
        (b'{"hotel": "\\q"}', "begins no known escape"),
        (b'{"hotel": "a", "hotel": "b"}', "the property 'hotel' occurs twice"),
        (b'{"minQuality": NaN}', "NaN is not a number"),
        (b'{"version": ' + b"1" * 5000 + b"}", "a number has too many digits"),
        (b"[" * 60_000, "brackets are nested too deeply"),
    ],
)
def test_what_is_wrong_with_the_json_is_told_in_plain_words(text: bytes, reason: str) -> None:
    found = refused(text).reason
    assert found.startswith("must be JSON in UTF-8: ")
    assert reason in found
    assert "Expecting" not in found


def test_every_broken_rule_is_told() -> None:
    problems = policy_problems({"version": 0, "ceilingLevel": "four", "colour": 1})
    known = "version, hotel, floorLevel, ceilingLevel, defaultLevel, accept, legalHold, minQuality, maxBytesPerMinute"
    assert [problem.message for problem in problems] == [
        "hotel: is required and missing",
        "version: is 0 and must be a whole number from 1 to 2147483647",
        'ceilingLevel: is "four" and must be a level from 1 to 5',
        f"'colour': is unknown; known are {known}, cacheChannels, archive, retentionDays, sealed",
    ]
    both = policy_problems(LEAST | {"floorLevel": 3, "ceilingLevel": 2, "accept": ["audio/mpeg"], "legalHold": True})
    assert [problem.field for problem in both] == ["floorLevel", "accept"]


_values = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 7), st.sampled_from([1.0, 2.5, 4.5, 4.6, 1000, 10**10, "", "x"]),
    st.lists(st.sampled_from([*ACCEPTABLE, *CACHEABLE, "audio/aac", 1]), max_size=3),
)  # fmt: skip
_documents = st.dictionaries(st.sampled_from([*SCHEMA["properties"], "other"]), _values, max_size=5).map(
    lambda content: LEAST | content
)


def test_a_policy_without_an_archive_does_not_name_it_for_workers_of_earlier_releases() -> None:
    assert "archive" not in Policy(3).properties()
    assert Policy(3, archive=True).properties()["archive"] is True


@given(_documents)
def test_parsing_and_the_schema_agree(document: dict[str, Any]) -> None:
    found = parse_policy(json.dumps(document).encode())
    between = isinstance(found, Rejection) and found.field in {"floorLevel", "defaultLevel"} and "evel," in found.reason
    above = isinstance(found, Rejection) and "above ceilingLevel" in found.reason
    assert VALIDATOR.is_valid(document) == (isinstance(found, Policy) or between or above)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_text_raises(text: bytes) -> None:
    assert isinstance(parse_policy(text), Policy | Rejection)


@pytest.mark.parametrize(
    ("policy", "type_", "accepted"),
    [
        (Policy(1), "audio/ogg;codecs=opus", True),
        (Policy(1, accept=("audio/ogg",)), "audio/ogg;codecs=vorbis", True),
        (Policy(1, accept=("audio/ogg;codecs=opus",)), "audio/ogg;codecs=vorbis", False),
        (Policy(1, accept=("audio/flac", "audio/wav")), "audio/wav", True),
        (Policy(1, accept=("audio/flac",)), "audio/mpeg", False),
    ],
)
def test_accepting(policy: Policy, type_: str, accepted: bool) -> None:
    assert policy.accepts(type_) is accepted


@pytest.mark.parametrize(
    "event",
    [
        PolicyEvent("seaside", Policy(3)),
        PolicyEvent("café", Policy(3, 2, 4, 2, ("audio/flac",), True, 4.0, 5000)),
        PolicyEvent("seaside", Policy(3, ceiling_level=2)),
        PolicyEvent("seaside", Policy(3, cache_channels=())),
        PolicyEvent("seaside", Policy(3, archive=True)),
        PolicyEvent("seaside", None),
    ],
)
def test_events_survive_writing_and_reading(event: PolicyEvent) -> None:
    record = event.to_record()
    assert PolicyEvent.from_record(record) == event
    if record.value is not None:
        VALIDATOR.validate(json.loads(record.value))


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (Record(None, written()), "key"),
        (Record(b"", None), "key"),
        (Record(b"\xff", written()), "key"),
        (Record(b"x" * 256, None), "key"),
        (Record(b"other", written()), "hotel"),
        (Record(b"seaside", b""), "value"),
    ],
)
def test_records_that_are_no_policy(record: Record, field: str) -> None:
    rejection = PolicyEvent.from_record(record)
    assert isinstance(rejection, Rejection)
    assert rejection.field == field
