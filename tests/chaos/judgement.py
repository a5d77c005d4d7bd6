"""Compares outcomes with inputs, by the topics and the contract alone. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos import playback, tables
from tests.chaos.records import COMPRESSED, DEAD_LETTER, ERROR_PREFIX, RAW, ObservedRecord, Place, SentInput
from tests.chaos.verdict import Problem
from tests.chaos.workload import HotelPolicy

_CONNECT = tuple(
    ERROR_PREFIX + name
    for name in ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
)
#: Milliseconds by which the clocks behind the times of inputs and outcomes may differ.
_CLOCKS_APART_MS = 2000


@dataclass(frozen=True)
class Observations:
    """Everything that was observed in one round.

    Attributes:
        sent: The inputs: acknowledged ones, and unacknowledged ones found in ``audio.raw``.
        log: Records of ``audio.raw``, from the beginning of ``sent``.
        ever_sent: As ``sent``, since the creation of the table.
        outcomes: ``audio.compressed`` and ``audio.dead-letter`` as ``read_committed`` sees them, in order.
        settled: Outcomes of inputs of earlier rounds.
        unstable: Last stable offset and end, by partition name, where they differ.
        committed: The group's committed offsets, by partition of ``audio.raw``.
        ends: End offsets of ``audio.raw``, just after the last input.
        table: Records of the cache table's changelog.
        policies: The hotels' policies.
        seals: Problems of what is sealed; ``outcomes`` are opened.
    """

    sent: Mapping[Place, SentInput]
    log: Sequence[ObservedRecord]
    outcomes: Sequence[ObservedRecord]
    ever_sent: Mapping[Place, SentInput] = field(default_factory=dict)
    settled: Mapping[Place, int] = field(default_factory=dict)
    unstable: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    committed: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    table: Sequence[ObservedRecord] = ()
    policies: Mapping[str, HotelPolicy] = field(default_factory=dict)
    seals: Sequence[Problem] = ()


def judge(seen: Observations) -> list[Problem]:
    """Find all problems."""
    times = {Place(logged.partition, logged.offset): logged.timestamp for logged in seen.log}
    return [
        *seen.seals,
        *_counted(seen),
        *_ordered(seen),
        *(Problem("damaged", detail) for one in seen.outcomes for detail in _mistakes(one, seen, times)),
        *_same_bytes(seen.outcomes),
        *(
            Problem("transactions", f"{name}: read_committed stops at {stable}, the end is {end}")
            for name, (stable, end) in seen.unstable.items()
        ),
        *(
            Problem("offsets", f"{RAW}-{partition}: committed {seen.committed.get(partition)}, the end is {end}")
            for partition, end in seen.ends.items()
            if seen.committed.get(partition, 0) != end
        ),
        *(Problem("table", detail) for detail in tables.mistakes(seen.table, seen.ever_sent or seen.sent)),
    ]


def _counted(seen: Observations) -> Iterator[Problem]:
    """Check that each input has one outcome."""
    counts = Counter(one.place for one in seen.outcomes)
    in_log = {Place(one.partition, one.offset) for one in seen.log}
    for place, sent in seen.sent.items():
        if place not in in_log:
            yield Problem("lost", f"{_name(place, sent)}: acknowledged, and gone from {RAW}")
        if counts[place] == 0:
            yield Problem("lost", f"{_name(place, sent)}: no outcome")
        elif counts[place] > 1:
            yield Problem("duplicated", f"{_name(place, sent)}: {counts[place]} outcomes")
    for found, count in counts.items():
        if found is None:
            yield Problem("damaged", f"{count} outcomes do not say which input they belong to")
        elif found in seen.settled:
            yield Problem("duplicated", f"{tuple(found)}: {count} more outcomes after its round was over")
        elif found not in seen.sent:
            yield Problem("damaged", f"{tuple(found)}: an outcome of an input that was never sent")


def _ordered(seen: Observations) -> Iterator[Problem]:
    """Check that results of a call follow the order of its inputs, by offset and by number; so with dead letters."""
    last: dict[tuple[str, int, str], tuple[int, int]] = {}
    for one in seen.outcomes:
        sent = seen.sent.get(one.place) if one.place is not None else None
        if sent is None or one.place is None:
            continue
        stream = (one.topic, one.place.partition, sent.planned.call_id)
        offset, sequence = last.get(stream, (-1, -1))
        if one.place.offset < offset or sent.planned.sequence < sequence:
            yield Problem("reordered", f"{_name(one.place, sent)}: comes after offset {offset}, number {sequence}")
        last[stream] = one.place.offset, sent.planned.sequence


def _mistakes(one: ObservedRecord, seen: Observations, times: Mapping[Place, int]) -> list[str]:
    sent = seen.sent.get(one.place) if one.place is not None else None
    if sent is None or one.place is None:
        return []
    name = _name(one.place, sent)
    if one.topic.endswith(DEAD_LETTER):
        found = _dead_letter_mistakes(one, sent, times.get(one.place))
    elif sent.planned.sample is None:
        found = ["a result of an input that is bad"]
    else:
        found = [*_result_mistakes(one, sent), *_policy_mistakes(one, seen.policies.get(sent.planned.hotel))]
    if one.partition != one.place.partition:
        found.append(f"stands on partition {one.partition}")
    return [f"{name}: {mistake}" for mistake in found]


def _result_mistakes(one: ObservedRecord, sent: SentInput) -> list[str]:
    planned, sample, value = sent.planned, sent.planned.sample, one.value or b""
    assert sample is not None
    original = {name: content for name, content in planned.message.headers if content is not None}
    expected = {name: original[name].decode() for name in ("ce_hotelid", "ce_callid", "ce_channel", "ce_sequence")} | {
        "ce_specversion": "1.0",
        "ce_type": "hotel.audio.compressed.v1",
        "ce_causationid": original["ce_id"].decode(),
        "ce_originalbytes": str(len(sample.audio)),
        "ce_samplerate": str(sample.rate),
        "ce_audiochannels": str(sample.pcm.shape[1]),
        "ce_sha256": hashlib.sha256(value).hexdigest(),
    }
    found = [
        f"{name} is {one.header(name)} and must be {right}"
        for name, right in expected.items()
        if one.header(name) != right
    ]
    if one.key != planned.message.key:
        found.append(f"the key is {one.key!r}")
    if not (one.header("ce_sourcetopic") or "").endswith(RAW):
        found.append(f"ce_sourcetopic is {one.header('ce_sourcetopic')}")
    return found + playback.mistakes(
        value,
        sample,
        content_type=one.header("content-type") or "",
        level=one.header("ce_level") or "",
        pcm_sha256=one.header("ce_pcmsha256") or "",
    )


def _policy_mistakes(one: ObservedRecord, policy: HotelPolicy | None) -> list[str]:
    if policy is None:
        return []
    found, content_type, level = [], one.header("content-type") or "", one.header("ce_level") or ""
    # Lossless results (of fax, for instance) are FLAC or WAV whatever the policy accepts.
    if policy.accept and content_type not in policy.accept and not playback.is_lossless(content_type, level):
        found.append(f"the hotel does not accept {content_type}")
    if policy.lossless and level not in {"1", "2"}:
        found.append(f"level {level}, and the hotel must lose nothing")
    return found


def _dead_letter_mistakes(one: ObservedRecord, sent: SentInput, time: int | None) -> list[str]:
    """Find mistakes in a dead letter, whose input had this record time in ``audio.raw``."""
    planned, message = sent.planned, sent.planned.message
    reason = one.header(f"{ERROR_PREFIX}exception.class.name") or ""
    if planned.sample is not None:
        return [f"a dead letter of a good input, for {reason}: {one.header(ERROR_PREFIX + 'exception.message')}"]
    found = []
    if planned.code not in {None, reason}:
        found.append(f"the dead letter is for {reason} and must be for {planned.code}")
    if (one.key, one.value) != (message.key, message.value):
        found.append("the dead letter is not intact")
    if one.headers[: len(message.headers)] != message.headers:
        found.append("the dead letter's headers are not intact")
    if time is not None and one.header(ERROR_PREFIX + "timestamp") != str(time):
        found.append(f"the input's time is {one.header(ERROR_PREFIX + 'timestamp')} and was {time}")
    if one.timestamp < (sent_at := sent.timestamp - planned.skew_ms) - _CLOCKS_APART_MS:
        found.append(f"the dead letter's time is {one.timestamp}, and its input was sent at {sent_at}")
    missing = [name for name in _CONNECT if not one.header(name)]
    return found + [f"the dead letter lacks {name}" for name in missing]


def _same_bytes(outcomes: Iterable[ObservedRecord]) -> Iterator[Problem]:
    """Check that results with equal ids have equal bytes, whichever worker made them."""
    digests: dict[str, str | None] = {}
    for one in outcomes:
        event_id = one.header("ce_id")
        if not one.topic.endswith(COMPRESSED) or event_id is None:
            continue
        digest = one.header("ce_sha256")
        if digests.setdefault(event_id, digest) != digest:
            yield Problem("damaged", f"{one.place and tuple(one.place)}: the same ce_id with other bytes")


def _name(place: Place, sent: SentInput) -> str:
    planned = sent.planned
    what = planned.bad or (planned.sample.content_type if planned.sample is not None else "?")
    return f"{place.partition}@{place.offset} {planned.call_id}#{planned.sequence} ({what}, {planned.channel})"
