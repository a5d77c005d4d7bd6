"""Inputs that use freedoms of the contract, and batches that our clients would not write."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.chaos import sounds
from tests.chaos.damage import BAD
from tests.chaos.records import PlannedInput
from tests.chaos.workload import segment
from tests.support.odd_batches import batch, record

_SEGMENTS = 4
_ONE_OFF = 2**63  # above all numbers of workloads
_PAST_MS, _FUTURE_MS = -1_700_000_000_000, 1_060_000_000_000  # the 1970s, and about 2060
_MANY = 60
_BAD_NAME = b"caf\xe9"


def _with_headers(one: PlannedInput, *headers: tuple[str, bytes | None]) -> PlannedInput:
    return replace(one, message=replace(one.message, headers=(*one.message.headers, *headers)))


def _without_key(one: PlannedInput) -> PlannedInput:
    return replace(one, message=BAD["no key"](one.message), sample=None, bad="no key")


#: Variations of an input.
_ODD: Sequence[Callable[[PlannedInput], PlannedInput]] = (
    lambda one: one,
    lambda one: _with_headers(one, ("x-null", None), ("x-empty", b"")),
    lambda one: _with_headers(one, *((f"x-more-{n}", b"\xff" * n) for n in range(_MANY))),
    lambda one: replace(one, skew_ms=_PAST_MS),
    lambda one: replace(one, skew_ms=_FUTURE_MS),
    _without_key,
    lambda one: replace(_without_key(one), skew_ms=_PAST_MS),
)


def odd_calls(count: int, chance: random.Random) -> list[PlannedInput]:
    """Plan calls of several segments each, in the order of the calls, most of them unusual; the last one is long."""
    planned: list[PlannedInput] = []
    while len(planned) < count:
        call, number = f"call-{chance.getrandbits(62):016x}", _ONE_OFF + chance.getrandbits(62)
        for at in range(_SEGMENTS):
            one = segment(chance.choice(sounds.spoken()), call, at, number=number + at)
            planned.append(chance.choice(_ODD)(one))
    call, number = f"call-{chance.getrandbits(62):016x}", _ONE_OFF + chance.getrandbits(62)
    return [*planned[:count], segment(sounds.repetitive(), call, 0, number=number)]


def batch_with_bad_name(chance: random.Random) -> tuple[bytes, list[PlannedInput]]:
    """Build a batch of three inputs of different calls, one with a header name that is not UTF-8.

    It is not compressed: brokers rebuild compressed batches, with another name.

    Returns:
        The batch, and the inputs.
    """
    calls = [f"call-{chance.getrandbits(62):016x}" for _ in range(3)]
    inputs = [segment(chance.choice(sounds.spoken()), call, 0) for call in calls]
    spoilt, records = chance.randrange(3), []
    for at, one in enumerate(inputs):
        headers = [(name.encode(), value) for name, value in one.message.headers]
        if at == spoilt:
            headers.append((_BAD_NAME, b"1"))
        records.append(record(at, one.message.key, one.message.value, headers))
    shown = _with_headers(inputs[spoilt], (_BAD_NAME.decode(errors="backslashreplace"), b"1"))
    inputs[spoilt] = replace(shown, sample=None, bad="a header's name", code="BadHeaderName")
    return batch(records), inputs
