"""Compares outcomes with inputs, independently of the worker."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from schemas import CompressedAudio, DeadLetter, RawAudio
from scripts.demonstration.flow import ReceivedOutcome, SentInput
from streams.audio import Clip


@dataclass(frozen=True, slots=True)
class Result:
    """A good input and its result.

    Attributes:
        name: The input's call and segment.
        clip: The input's audio.
        audio: The result.
        latency: Seconds from the input's scheduled time to the result's arrival.
    """

    name: str
    clip: Clip
    audio: CompressedAudio
    latency: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on all inputs.

    Attributes:
        records_in: Inputs that the brokers have acknowledged.
        results: Good inputs, each with its first result.
        dead_letters: Every input that was refused, each with its first dead letter.
        lost: Inputs without any outcome.
        duplicated: Outcomes beyond the first of each input.
        faults: All problems, one line each, with lost and duplicated inputs.
    """

    records_in: int
    results: Sequence[Result]
    dead_letters: Sequence[DeadLetter]
    lost: int
    duplicated: int
    faults: Sequence[str]


def judge(sent: Sequence[SentInput], arrived: Sequence[ReceivedOutcome]) -> Verdict:
    """Match every input with its outcomes by its position in Kafka."""
    outcomes = defaultdict(list)
    for one in arrived:
        outcomes[one.outcome.position].append(one)
    results: list[Result] = []
    dead_letters: list[DeadLetter] = []
    faults: list[str] = []
    for item in sent:
        mine = outcomes.pop(item.position, [])
        if len(mine) != 1:
            faults.append(f"{item.input.name} has {len(mine)} outcomes and must have one")
        for first in mine[:1]:
            faults += _mistakes(item, first)
            if isinstance(first.outcome, DeadLetter):
                dead_letters.append(first.outcome)
            elif item.input.clip is not None:
                results.append(Result(item.input.name, item.input.clip, first.outcome, first.at - item.due))
    faults += [f"an outcome names an input that was never sent: {position}" for position in outcomes]
    answered = {one.outcome.position for one in arrived}
    return Verdict(
        records_in=len(sent),
        results=results,
        dead_letters=dead_letters,
        lost=sum(item.position not in answered for item in sent),
        duplicated=len(arrived) - len(answered),
        faults=[*faults, *_disorder(arrived)],
    )


def _mistakes(sent: SentInput, first: ReceivedOutcome) -> list[str]:
    """Find mistakes in an outcome, given its input."""
    event, clip, outcome = sent.input.event, sent.input.clip, first.outcome
    if isinstance(outcome, DeadLetter):
        return [] if clip is None else [f"{sent.input.name} is a dead letter: {outcome.rejection.message}"]
    if clip is None or not isinstance(event, RawAudio):
        return [f"{sent.input.name} has a result and must be a dead letter"]
    if (outcome.causation_id, outcome.pcm_sha256) != (event.id, clip.pcm_sha256):
        return [f"{sent.input.name} has the result of another input"]
    return []


def _disorder(arrived: Sequence[ReceivedOutcome]) -> list[str]:
    """Find streams whose outcomes are not in the order of sending."""
    latest: Counter[str] = Counter()
    disordered: set[str] = set()
    for one in arrived:
        if isinstance(one.outcome, CompressedAudio) and one.outcome.sequence is not None:
            if one.outcome.sequence < latest[one.outcome.stream_id]:
                disordered.add(one.outcome.stream_id)
            latest[one.outcome.stream_id] = one.outcome.sequence
    return [f"{stream} came out of order" for stream in sorted(disordered)]
