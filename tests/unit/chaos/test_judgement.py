"""The judgement reports every kind of damage, and none where all is exact."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.judgement import Observations, judge
from tests.chaos.records import COMPRESSED, ERROR_PREFIX, ObservedRecord, Place, SentInput
from tests.chaos.sounds import sample
from tests.chaos.workload import HotelPolicy, segment
from tests.unit.chaos.honest import GUEST, PARTITION, PROMPT, entry, file_of, observations

Spoil = Callable[[Observations], Observations]

FIRST, SECOND, BAD, LAST = range(4)


def kinds(seen: Observations) -> set[str]:
    return {problem.kind for problem in judge(seen)}


def outcomes(change: Callable[[list[ObservedRecord]], list[ObservedRecord]]) -> Spoil:
    return lambda seen: replace(seen, outcomes=change(list(seen.outcomes)))


def with_outcome(at: int, change: Callable[[ObservedRecord], ObservedRecord]) -> Spoil:
    return outcomes(lambda found: [change(one) if n == at else one for n, one in enumerate(found)])


def with_header(name: str, value: str | None) -> Callable[[ObservedRecord], ObservedRecord]:
    def change(one: ObservedRecord) -> ObservedRecord:
        kept = tuple(pair for pair in one.headers if pair[0] != name)
        return replace(one, headers=kept if value is None else (*kept, (name, value.encode())))

    return change


def with_file(audio: bytes, *, true_digest: bool = True) -> Callable[[ObservedRecord], ObservedRecord]:
    def change(one: ObservedRecord) -> ObservedRecord:
        changed = replace(one, value=audio)
        return with_header("ce_sha256", hashlib.sha256(audio).hexdigest())(changed) if true_digest else changed

    return change


def as_dead_letter(code: str) -> Callable[[ObservedRecord], ObservedRecord]:
    def change(one: ObservedRecord) -> ObservedRecord:
        letter = observations().outcomes[BAD]
        original = next(sent for place, sent in observations().sent.items() if place == one.place).planned.message
        place = one.place
        assert place is not None
        reason = {name: value for name, value in letter.headers if name.startswith(ERROR_PREFIX)}
        reason[f"{ERROR_PREFIX}offset"] = str(place.offset).encode()
        reason[f"{ERROR_PREFIX}exception.class.name"] = code.encode()
        headers = original.headers + tuple(reason.items())
        stamp = observations().sent[place].timestamp
        return replace(letter, key=original.key, value=original.value, headers=headers, timestamp=stamp)

    return change


def as_result(one: ObservedRecord) -> ObservedRecord:
    result = with_header("ce_sourceoffset", "12")(observations().outcomes[FIRST])
    return replace(result, offset=one.offset)


SPOILT: dict[str, tuple[str, Spoil]] = {
    "an input without an outcome": ("lost", outcomes(lambda found: found[1:])),
    "a bad input without an outcome": ("lost", outcomes(lambda found: found[:BAD] + found[LAST:])),
    "an input that vanished from its topic": ("lost", lambda seen: replace(seen, log=seen.log[1:])),
    "two results of one input": ("duplicated", outcomes(lambda found: [*found, replace(found[LAST], offset=9)])),
    "a result and a dead letter of one input": (
        "duplicated",
        outcomes(lambda found: [*found, as_dead_letter("X")(found[LAST])]),
    ),
    "a result of an input of an earlier round": (
        "duplicated",
        lambda seen: replace(
            seen, sent={p: s for p, s in seen.sent.items() if p.offset > 10}, settled={Place(PARTITION, 10): 1}
        ),
    ),
    "two results in the wrong order": ("reordered", outcomes(lambda found: [found[1], found[0], *found[2:]])),
    "a call numbered otherwise than it came": (
        "reordered",
        lambda seen: replace(
            seen,
            sent={
                place: replace(sent, planned=replace(sent.planned, sequence=7)) if place.offset == 10 else sent
                for place, sent in seen.sent.items()
            },
        ),
    ),
    "a result of nothing": ("damaged", lambda seen: replace(seen, sent=dict(list(seen.sent.items())[1:]))),
    "a result that names no input": ("damaged", with_outcome(FIRST, with_header("ce_sourceoffset", None))),
    "another key": ("damaged", with_outcome(FIRST, lambda one: replace(one, key=b"other"))),
    "another partition": ("damaged", with_outcome(FIRST, lambda one: replace(one, partition=4))),
    "another cause": ("damaged", with_outcome(FIRST, with_header("ce_causationid", "call-1"))),
    "another hotel": ("damaged", with_outcome(FIRST, with_header("ce_hotelid", "court"))),
    "no sequence": ("damaged", with_outcome(FIRST, with_header("ce_sequence", None))),
    "another digest of the file": ("damaged", with_outcome(FIRST, with_header("ce_sha256", "0" * 64))),
    "another digest of the samples": ("damaged", with_outcome(FIRST, with_header("ce_pcmsha256", "0" * 64))),
    "a file that was changed on the way": (
        "damaged",
        with_outcome(FIRST, with_file(file_of(PROMPT), true_digest=False)),
    ),
    "a file that does not play": ("damaged", with_outcome(FIRST, with_file(file_of(GUEST)[:60]))),
    "another file than it is called": ("damaged", with_outcome(FIRST, with_header("content-type", "audio/wav"))),
    "a file that is too short": ("damaged", with_outcome(FIRST, with_file(file_of(sample(0.4, "audio/L16", seed=1))))),
    "a lossless file with other samples": (
        "damaged",
        with_outcome(FIRST, with_file(file_of(sample(0.5, "audio/L16", seed=9)))),
    ),
    "a lossy file with other audio": (
        "damaged",
        with_outcome(
            FIRST,
            lambda one: with_file(sample(0.5, "audio/ogg", seed=9).audio)(
                with_header("ce_level", "3")(with_header("content-type", "audio/ogg;codecs=vorbis")(one))
            ),
        ),
    ),
    "what the hotel does not accept": (
        "damaged",
        lambda seen: replace(
            with_outcome(FIRST, with_header("ce_level", "3"))(seen),
            policies={"lisbon": HotelPolicy(accept=("audio/ogg;codecs=opus",))},
        ),
    ),
    "loss where the hotel must lose nothing": ("damaged", with_outcome(FIRST, with_header("ce_level", "3"))),
    "other bytes under the same id": (
        "damaged",
        with_outcome(LAST, with_header("ce_id", "id-0")),
    ),
    "a dead letter of a good input": ("damaged", with_outcome(FIRST, as_dead_letter("ProcessingFailed"))),
    "a result of a bad input": ("damaged", with_outcome(BAD, as_result)),
    "a dead letter with another value": ("damaged", with_outcome(BAD, lambda one: replace(one, value=b"x"))),
    "a dead letter with another key": ("damaged", with_outcome(BAD, lambda one: replace(one, key=None))),
    "a dead letter with another header": ("damaged", with_outcome(BAD, with_header("ce_hotelid", "court"))),
    "a dead letter with the time of something else": (
        "damaged",
        with_outcome(BAD, lambda one: replace(one, timestamp=5)),
    ),
    "a dead letter with another time of its input": (
        "damaged",
        with_outcome(BAD, with_header(f"{ERROR_PREFIX}timestamp", "5")),
    ),
    "a dead letter without a reason": (
        "damaged",
        with_outcome(BAD, with_header(f"{ERROR_PREFIX}exception.message", None)),
    ),
    "an open transaction": ("transactions", lambda seen: replace(seen, unstable={"audio.compressed-3": (4, 6)})),
    "an offset that was not committed": ("offsets", lambda seen: replace(seen, committed={})),
    "an offset committed too far": ("offsets", lambda seen: replace(seen, committed={PARTITION: 15})),
    "a table with what a guest said": ("table", lambda seen: replace(seen, table=[entry(file_of(GUEST))])),
    "a table with a broken file": ("table", lambda seen: replace(seen, table=[entry(b"fLaC")])),
    "a table without descriptions": (
        "table",
        lambda seen: replace(seen, table=[replace(seen.table[0], value=file_of(PROMPT))]),
    ),
    "a key with two values": (
        "table",
        lambda seen: replace(seen, table=[*seen.table, entry(file_of(PROMPT) + b"\0", offset=1)]),
    ),
    "a prompt in the table of another partition": (
        "table",
        lambda seen: replace(seen, table=[replace(seen.table[0], partition=4)]),
    ),
}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert judge(observations()) == []


@pytest.mark.parametrize("what", SPOILT)
def test_every_kind_of_damage_is_noticed(what: str) -> None:
    kind, spoil = SPOILT[what]

    assert kind in kinds(spoil(observations()))


def test_an_input_that_was_sent_twice_has_two_outcomes() -> None:
    seen = observations()
    again = Place(PARTITION, 14)
    twice = {**seen.sent, again: SentInput(seen.sent[Place(PARTITION, 13)].planned, 5, 5.0)}
    log = [*seen.log, replace(seen.log[LAST], offset=14)]
    second = with_header("ce_sourceoffset", "14")(seen.outcomes[LAST])
    spoilt = replace(seen, sent=twice, log=log, committed={PARTITION: 15}, ends={PARTITION: 15})

    assert kinds(spoilt) == {"lost"}
    assert kinds(replace(spoilt, outcomes=[*seen.outcomes, second])) == set()


def test_an_entry_with_another_expiry_is_no_mistake() -> None:
    seen = observations()
    later = entry(file_of(PROMPT), offset=1, times=b"\x41" * 24)
    assert judge(replace(seen, table=[*seen.table, later])) == []


def test_a_removed_entry_is_no_mistake() -> None:
    seen = observations()

    assert kinds(replace(seen, table=[*seen.table, replace(seen.table[0], value=None, offset=1)])) == set()


def test_the_order_of_different_calls_does_not_matter() -> None:
    seen = observations()
    other, place = segment(GUEST, "other", 0), Place(PARTITION, 9)
    first = replace(with_header("ce_sourceoffset", "9")(seen.outcomes[FIRST]), topic=COMPRESSED, key=b"other")
    first = with_header("ce_callid", "other")(with_header("ce_causationid", "other-0")(first))
    both = replace(
        seen,
        sent={**seen.sent, place: SentInput(other, 5, 5.0)},
        log=[*seen.log, replace(seen.log[FIRST], offset=9)],
        outcomes=[*seen.outcomes, first],
    )

    assert judge(both) == []
