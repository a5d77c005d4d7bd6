"""Mutates files: fields get extreme numbers, units are moved, removed, repeated or exchanged with another file's."""

import random
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from schemas.media_type import MediaType
from tests.support.fuzzing.layout import layout_of
from tests.support.ogg_pages import sealed


class Sample(NamedTuple):
    """A file: what it is, its bytes, and its label."""

    name: str
    audio: bytes
    media_type: MediaType


_MOST_BYTES = 1 << 20  # repeated repetitions would make files that are refused for their size alone
_Mutation = Callable[[bytearray, random.Random, Sequence[Sample]], None]


def mutant(samples: Sequence[Sample], seed: int, number: int) -> Sample:
    """The mutated file of this number; the same samples, seed and number give the same."""
    dice = random.Random(f"{seed} {number}")
    sample = dice.choice(samples)
    label = sample.media_type if dice.random() < 0.9 else dice.choice(samples).media_type
    return Sample(sample.name, mutated(sample.audio, dice, samples), label)


def mutated(audio: bytes, dice: random.Random, samples: Sequence[Sample]) -> bytes:
    """Mutate a file once or several times; the checksums of most OGG pages are corrected, so that they are parsed."""
    changed = bytearray(audio)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        if not changed:
            break
        dice.choices(_MUTATIONS, _WEIGHTS)[0](changed, dice, samples)
        del changed[_MOST_BYTES:]
    return sealed(bytes(changed)) if changed.startswith(b"OggS") and dice.random() < 0.8 else bytes(changed)


def _set_field(changed: bytearray, dice: random.Random, _: Sequence[Sample]) -> None:
    fields = layout_of(bytes(changed)).fields
    if not fields:
        return
    field = dice.choice(fields)
    order: Literal["big", "little"] = "big" if field.big_endian else "little"
    present = int.from_bytes(changed[field.at : field.at + field.size], order)
    most = (1 << 8 * field.size) - 1
    extremes = (0, 1, 2, most, most - 1, most >> 1, (most >> 1) + 1, len(changed), dice.randrange(most + 1))
    near = (present + 1, present - 1, present * 2, present ^ 1 << dice.randrange(8 * field.size))
    number = dice.choice((*extremes, *near))
    changed[field.at : field.at + field.size] = (number & most).to_bytes(field.size, order)


def _move_unit(changed: bytearray, dice: random.Random, samples: Sequence[Sample]) -> None:
    units = layout_of(bytes(changed)).units
    if not units:
        return
    start, end = dice.choice(units)
    unit = bytes(changed[start:end])
    match dice.randrange(5):
        case 0:
            del changed[start:end]
        case 1:
            changed[start:start] = unit * dice.choice((1, 1, 2, 10))
        case 2:
            at = dice.choice(units)[0]
            del changed[start:end]
            changed[at:at] = unit
        case 3:
            del changed[dice.randint(start, end) : end]
        case _:
            other = dice.choice(samples).audio
            first, last = dice.choice(layout_of(other).units or [(0, len(other))])
            changed[start:end] = other[first:last]


def _flip_bits(changed: bytearray, dice: random.Random, _: Sequence[Sample]) -> None:
    reach = min(dice.choice((64, 256, len(changed))), len(changed))
    for _time in range(dice.choice((1, 1, 3, 20))):
        changed[dice.randrange(reach)] ^= 1 << dice.randrange(8)


def _overwrite(changed: bytearray, dice: random.Random, _: Sequence[Sample]) -> None:
    at = dice.randrange(len(changed))
    filling = dice.choice((b"\0", b"\xff", b"\x7f", b"\x80", dice.randbytes(1)))
    length = dice.choice((1, 2, 4, 8, 100))
    changed[at : at + length] = filling * len(changed[at : at + length])


def _remove(changed: bytearray, dice: random.Random, _: Sequence[Sample]) -> None:
    at = dice.randrange(len(changed))
    del changed[at : at + dice.choice((1, 2, 3, 100, len(changed)))]


def _insert(changed: bytearray, dice: random.Random, _: Sequence[Sample]) -> None:
    at = dice.randrange(len(changed))
    changed[at:at] = dice.choice((bytes(100), dice.randbytes(dice.randrange(1, 200)), changed[at : at + 300]))


_MUTATIONS: tuple[_Mutation, ...] = (_set_field, _move_unit, _flip_bits, _overwrite, _remove, _insert)
_WEIGHTS = (10, 5, 3, 2, 2, 1)
