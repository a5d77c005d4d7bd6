"""Judges the outcomes of the calls of a validation. Pure: no I/O."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from schemas import CompressedAudio, DeadLetter, Position, Record, Rejection
from schemas.media_type import split_media_type
from scripts.cli import counted
from scripts.validation.finding import Finding, judged, not_checked
from scripts.validation.inputs import DAMAGED, PARTITION, PROMPT, Expected, ValidationInput

CALL, FILE = "call", "file"
#: Kinds of files of which results are. Which of them a system makes depends on policies and AUDIO_COMPRESSION_LEVEL.
FILES = ("audio/ogg", "audio/flac", "audio/mpeg", "audio/wav")
_SHOWN = 3
_REMEDY = "./scripts/dead_letters list --hotel final-validation, and the log of the partition's owner (./scripts/lag)"


@dataclass(frozen=True, slots=True)
class Sent:
    """An input that the brokers have acknowledged.

    Attributes:
        input: The input.
        position: Its position.
        at: Time of sending in seconds on the monotonic clock.
    """

    input: ValidationInput
    position: Position
    at: float


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record on an output topic with the key of one of the calls.

    Attributes:
        call_id: Its key.
        outcome: The result or dead letter, or why it is none.
        partition: Its partition.
        offset: Its offset.
        at: Time of arrival in seconds on the monotonic clock.
    """

    call_id: str
    outcome: CompressedAudio | DeadLetter | Rejection
    partition: int
    offset: int
    at: float

    @property
    def position(self) -> Position | None:
        """Position of the input that it is the outcome of; None if it does not say."""
        return None if isinstance(self.outcome, Rejection) else self.outcome.position


@dataclass(frozen=True, slots=True)
class Playback:
    """How files are opened.

    Attributes:
        problem: Opens a result's file; returns what is wrong with it, or None.
        done: What has been done with files in which it has found nothing wrong, in a word or two.
    """

    problem: Callable[[CompressedAudio], str | None]
    done: str


def judge_calls(sent: Sequence[Sent], arrived: Sequence[Arrived]) -> list[Finding]:
    """Judge all calls: a finding for each kind of call.

    Args:
        sent: All inputs, in the order of sending.
        arrived: All outcomes, in the order of arrival.
    """
    kinds = dict.fromkeys(one.input.kind for one in sent)
    return [_judge_kind(kind, [one for one in sent if one.input.kind == kind], arrived) for kind in kinds]


def judge_files(sent: Sequence[Sent], arrived: Sequence[Arrived], playback: Playback) -> list[Finding]:
    """Judge the files of all results: a finding for each kind of file, also for those that did not come.

    Args:
        sent: All inputs.
        arrived: All outcomes.
        playback: How files are opened.
    """
    positions = {one.position for one in sent}
    results = [
        one.outcome for one in arrived if isinstance(one.outcome, CompressedAudio) and one.outcome.position in positions
    ]
    return [_judge_files(kind, [one for one in results if _kind_of(one) == kind], playback) for kind in FILES]


def _judge_kind(kind: str, sent: Sequence[Sent], arrived: Sequence[Arrived]) -> Finding:
    calls = {one.input.event.call_id for one in sent}
    ours = [one for one in arrived if one.call_id in calls]
    problems = list(_problems(sent, ours))
    firsts = {one.position: one.at for one in reversed(ours)}
    times = [firsts[one.position] - one.at for one in sent if one.position in firsts]
    slowest = f"in {max(times, default=0.0):.2f} s"
    if kind == PARTITION:
        return judged(
            CALL, "each other partition", _first(problems), f"{counted(len(sent), 'result')} {slowest}", _REMEDY
        )
    if kind == PROMPT:
        return _judge_prompts(problems, ours)
    what = "dead letter" if kind == DAMAGED else counted(len(sent), "result")
    return judged(CALL, kind, _first(problems), f"{what} {slowest}", _REMEDY)


def _judge_prompts(problems: Sequence[str], arrived: Sequence[Arrived]) -> Finding:
    uses = [one.outcome.cache for one in arrived if isinstance(one.outcome, CompressedAudio)]
    if not problems and "hit" not in uses:
        problems = [f"no hit in {len(uses)} uses"]
    remedy = "look at audio_cache_lookups_total and audio_cache_budget_bytes of the workers"
    return judged("cache", "a repeated prompt", _first(problems), f"a hit at use {len(uses)}", remedy)


def _problems(sent: Sequence[Sent], arrived: Sequence[Arrived]) -> Iterator[str]:
    by_position = Counter(one.position for one in arrived)
    for outcome in (one.outcome for one in arrived):
        if isinstance(outcome, Rejection):
            yield f"an outcome breaks the contract: {outcome.message}"
    for one in sent:
        number = by_position.pop(one.position, 0)
        if number != 1:
            yield f"{_name(one)} has {counted(number, 'outcome') if number else 'no outcome'}"
        first = next((other for other in arrived if other.position == one.position), None)
        if first is not None:
            yield from _mistakes(one, first)
    yield from _disorder(sent, arrived)


def _mistakes(sent: Sent, arrived: Arrived) -> Iterator[str]:
    outcome, expected = arrived.outcome, sent.input.expected
    if arrived.partition != sent.position.partition:
        yield f"{_name(sent)}: its outcome is in partition {arrived.partition}"
    if isinstance(outcome, DeadLetter):
        if expected is not None:
            yield f"{_name(sent)} was refused: {outcome.rejection.code}, {outcome.rejection.message}"
        elif not _is_intact(outcome, sent.input.record):
            yield f"{_name(sent)}: its dead letter differs from the input"
    elif isinstance(outcome, CompressedAudio):
        if expected is None:
            yield f"{_name(sent)} was not refused, and its file is damaged"
        else:
            yield from (f"{_name(sent)}: {problem}" for problem in _differences(sent.input, outcome, expected))


def _differences(sent: ValidationInput, result: CompressedAudio, expected: Expected) -> Iterator[str]:
    event = sent.event
    pairs = (
        ("ce_hotelid", result.hotel_id, event.hotel_id),
        ("ce_callid", result.call_id, event.call_id),
        ("ce_causationid", result.causation_id, event.id),
        ("ce_sequence", result.sequence, event.sequence),
        ("ce_final", result.final, event.final),
        ("ce_channel", result.channel, event.channel),
        ("ce_durationms", result.duration_ms, expected.milliseconds),
        ("ce_pcmsha256", result.pcm_sha256, expected.pcm_sha256 or result.pcm_sha256),
    )
    yield from (f"{name} is {found} and must be {wanted}" for name, found, wanted in pairs if found != wanted)


def _disorder(sent: Sequence[Sent], arrived: Sequence[Arrived]) -> Iterator[str]:
    """Calls whose results are not in the order of their inputs."""
    for call in dict.fromkeys(one.input.event.call_id for one in sent):
        ours = sorted(
            (one.partition, one.offset, one.position.offset) for one in arrived if one.call_id == call and one.position
        )
        inputs = [at for *_, at in ours]
        if inputs != sorted(inputs):
            yield f"{call}: its results are in another order than its segments"


def _judge_files(kind: str, results: Sequence[CompressedAudio], playback: Playback) -> Finding:
    if not results:
        return not_checked(FILE, kind, "no result is one")
    problems = [f"{one.call_id}: {problem}" for one in results if (problem := playback.problem(one)) is not None]
    remedy = "./scripts/listen --save DIR has the files; do they play?"
    return judged(FILE, kind, _first(problems), f"{counted(len(results), 'file')}, {playback.done}", remedy)


def _kind_of(result: CompressedAudio) -> str:
    split = split_media_type(result.content_type)
    return result.content_type if split is None else split[0]


def _is_intact(letter: DeadLetter, record: Record) -> bool:
    original = letter.original
    return letter.whole and (original.key, original.value, original.headers) == (
        record.key,
        record.value,
        record.headers,
    )


def _name(sent: Sent) -> str:
    return f"partition {sent.position.partition}, segment {sent.input.event.sequence}"


def _first(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
