"""Workloads: calls of several hotels, with numbered inputs of every kind and size, some of them bad.

Equal arguments give equal inputs. Every partition has calls at all times, sizes are from 200 bytes to 4 MiB,
prompts repeat, some clocks are wrong, and some inputs are sent twice, as by a producer without idempotence.
"""

import json
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tests.chaos import sounds
from tests.chaos.damage import BAD
from tests.chaos.records import NUMBER, PARTITIONS, Message, PlannedInput
from tests.chaos.sounds import Sample

_CALLS_PER_PARTITION = 3
_PROMPT_SHARE, _TWICE_SHARE, _LARGE_SHARE, _WRONG_CLOCK_SHARE = 0.25, 0.02, 0.006, 0.3
_CLOCK_ERROR_MS = 3000
_BEGIN = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
#: Range of input numbers of one workload.
_NUMBERS = 1_000_000
_ONE_OFF = 2**62  # above all of those


@dataclass(frozen=True, slots=True)
class HotelPolicy:
    """A hotel's policy, as far as the oracle judges it.

    Attributes:
        accept: Accepted media types; empty means all.
        lossless: Whether results must be lossless.
    """

    accept: tuple[str, ...] = ()
    lossless: bool = False

    def message(self, hotel: str) -> Message:
        """The record for ``audio.policy``."""
        fields: dict[str, object] = {"version": 1, "hotel": hotel}
        if self.accept:
            fields["accept"] = list(self.accept)
        if self.lossless:
            fields["legalHold"] = True
        return Message(hotel.encode(), json.dumps(fields).encode(), ())


#: All hotels play the same prompts, so that the same audio has to become different files.
POLICIES: Mapping[str, HotelPolicy] = {
    "lisbon": HotelPolicy(),
    "seaside": HotelPolicy(accept=("audio/flac",)),
    "court": HotelPolicy(lossless=True),
    "harbour": HotelPolicy(accept=("audio/ogg;codecs=opus",)),
}


def partition_of(key: bytes, partitions: int = PARTITIONS) -> int:
    """The partition of a key by librdkafka's default partitioner.

    The workers' client uses Kafka's own partitioner, which differs: the oracle notices outcomes partitioned by key.
    """
    return zlib.crc32(key) % partitions


def segment(
    sample: Sample, call_id: str, sequence: int, *, number: int = 0, channel: str = "guest", hotel: str = "lisbon"
) -> PlannedInput:
    """Plan one good segment of a call."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{call_id}-{sequence}",
        "ce_source": "urn:bench:pbx",
        "ce_type": "hotel.audio.raw.v1",
        "ce_time": (_BEGIN + timedelta(seconds=sequence)).isoformat(),
        "content-type": sample.content_type,
        "ce_hotelid": hotel,
        "ce_callid": call_id,
        "ce_channel": channel,
        "ce_sequence": str(sequence),
        NUMBER: str(number),
    }
    message = Message(call_id.encode(), sample.audio, tuple((name, value.encode()) for name, value in headers.items()))
    return PlannedInput(number, message, call_id, sequence, channel, hotel, sample)


def calls(
    count: int, *, seed: int = 0, name: int = 0, bad_share: float = 0.05, hotels: Sequence[str] = tuple(POLICIES)
) -> list[PlannedInput]:
    """Plan the inputs of many calls at once.

    Args:
        count: Number of inputs; those that are sent twice count twice.
        seed: Determines everything, together with ``name``.
        name: Part of the calls' ids; must differ between workloads of one bench.
        bad_share: Share of the inputs that are bad in one of the ways of ``BAD``.
        hotels: Hotels of the calls.
    """
    chance = random.Random(f"calls-{seed}-{name}")
    by_partition = _call_ids(name, chance)
    sequences = dict.fromkeys((call for calls in by_partition for call in calls), -1)
    kinds = _bad_kinds(chance)
    planned: list[PlannedInput] = []
    while len(planned) < count:
        for partition in chance.sample(range(PARTITIONS), PARTITIONS):
            call = chance.choice(by_partition[partition])
            sequences[call] += 1
            one = _one(chance, call, sequences[call], name * _NUMBERS + len(planned), hotels)
            if chance.random() < bad_share:
                kind = next(kinds)
                one = replace(one, message=BAD[kind](one.message), sample=None, bad=kind)
            planned += [one, one] if chance.random() < _TWICE_SHARE else [one]
    return planned[:count]


def single(count: int, chance: random.Random, *, hotel: str = "lisbon") -> list[PlannedInput]:
    """Plan good segments, one per call."""
    return [
        segment(chance.choice(sounds.spoken()), f"call-{number:016x}", 0, number=_ONE_OFF + number, hotel=hotel)
        for number in (chance.getrandbits(62) for _ in range(count))
    ]


def burst(count: int, chance: random.Random) -> list[PlannedInput]:
    """Plan small segments, one per call, a third of them bad."""
    kind = "half a sample"
    return [
        replace(one, message=BAD[kind](one.message), sample=None, bad=kind) if n % 3 == 0 else one
        for n, one in enumerate(single(count, chance))
    ]


def bombs(count: int, chance: random.Random) -> list[PlannedInput]:
    """Plan decompression bombs, one per call."""
    kind = "flac bomb"
    return [replace(one, message=BAD[kind](one.message), sample=None, bad=kind) for one in single(count, chance)]


def _one(chance: random.Random, call: str, sequence: int, number: int, hotels: Sequence[str]) -> PlannedInput:
    drawn = chance.random()
    is_prompt = drawn < _PROMPT_SHARE
    pool = sounds.prompts() if is_prompt else sounds.large() if drawn > 1 - _LARGE_SHARE else sounds.spoken()
    channel = "prompt" if is_prompt else chance.choice(("guest", "agent", "mixed"))
    one = segment(chance.choice(pool), call, sequence, number=number, channel=channel, hotel=chance.choice(hotels))
    if chance.random() < _WRONG_CLOCK_SHARE:
        return replace(one, skew_ms=chance.randint(-_CLOCK_ERROR_MS, _CLOCK_ERROR_MS))
    return one


def _call_ids(name: int, chance: random.Random) -> list[list[str]]:
    """Ids of calls, the same number on each partition."""
    found: list[list[str]] = [[] for _ in range(PARTITIONS)]
    while any(len(calls) < _CALLS_PER_PARTITION for calls in found):
        call = f"call-{name}-{chance.getrandbits(32):08x}"
        calls = found[partition_of(call.encode())]
        if len(calls) < _CALLS_PER_PARTITION:
            calls.append(call)
    return found


def _bad_kinds(chance: random.Random) -> Iterator[str]:
    """Every kind of bad input in turn, in a new order each time."""
    while True:
        yield from chance.sample(sorted(BAD), len(BAD))
