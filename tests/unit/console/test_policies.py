"""The form of a policy, and what a policy would change."""

from typing import Any

import pytest

from schemas.policy import Policy, policy_schema
from streams.console.policy_form import form_of, properties_of
from streams.console.policy_preview import preview
from streams.console.recordings import Segment, segments_of


def done(**changed: Any) -> Segment:
    result = {
        "level": 3,
        "bytes": 20_000,
        "durationMs": 10_000,
        "quality": 4.25,
        "reason": "default",
        "contentType": "audio/ogg;codecs=opus",
    }
    return segments_of([{"id": "1", "state": "done", "result": result | changed}])[0]


def test_the_form_has_every_property_with_its_description() -> None:
    fields = form_of({})
    assert {field.name for field in fields} == policy_schema()["properties"].keys() - {"hotel", "version"}
    assert all(field.about and field.title for field in fields)


def test_what_was_filled_in_becomes_the_policy() -> None:
    filled = {
        "ceilingLevel": ["4"],
        "accept": ["audio/flac", "audio/wav"],
        "minQuality": ["3.9"],
        "legalHold": ["true"],
    }
    found = properties_of(filled)
    assert found["ceilingLevel"] == 4
    assert found["accept"] == ["audio/flac", "audio/wav"]
    assert found["minQuality"] == 3.9
    assert found["legalHold"] is True
    assert found["archive"] is False
    assert "maxBytesPerMinute" not in found
    assert properties_of({"floorLevel": ["x"]})["floorLevel"] == "x"


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy(1, ceiling_level=2), "a level above 2"),
        (Policy(1, floor_level=4), "a level below 4"),
        (Policy(1, default_level=4), "would begin at level 4"),
        (Policy(1, accept=("audio/flac",)), "a format that would not be accepted"),
        (Policy(1, legal_hold=True), "kept without loss"),
        (Policy(1, min_quality=4.3), "below a quality of 4.3"),
        (Policy(1, max_bytes_per_minute=100_000), "more than 100 kB a minute"),
    ],
)
def test_a_preview_counts_what_a_rule_would_change(policy: Policy, words: str) -> None:
    found = preview(policy, [done(), done()])
    assert any(change.startswith("2 results") and words in change for change in found.changes)
    assert "2 results" in found.summary


def test_a_preview_says_that_nothing_changes_or_nothing_is_known() -> None:
    assert preview(Policy(1), [done()]).changes == ()
    assert "None of 1 result" in preview(Policy(1), [done()]).summary
    assert "Nothing was compressed" in preview(Policy(1), []).summary
