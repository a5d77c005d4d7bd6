"""What a program makes of a sample, and what is wrong with that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import soundfile
from numpy.typing import NDArray

from scripts.benchmarks.players.samples import Sample, position

_SETTLING_S = 0.25  #: Lossy decoders need that long after a seek until the pitch is right.


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is asked of a program for a format.

    Attributes:
        length_s: By how many seconds the length may be wrong.
        seek_s: By how many seconds a position may be wrong.
        shortest_s: It need not read shorter files.
        reason: Why it is not held to the defaults; reference encoders' files come out in the same way.
    """

    length_s: float = 0.001
    seek_s: float = 0.1
    shortest_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a program makes of a file.

    Attributes:
        problem: Its error, if it does not open the file.
        seconds: The length that it shows or plays; None if it has no such figure.
        landed: For each position that it was asked to go to, where each side's sound really begins, in seconds.
    """

    problem: str | None = None
    seconds: float | None = None
    landed: Mapping[float, tuple[float, ...]] = field(default_factory=dict)


def of_sound(path: str, sample: Sample, asked: float = 0.0) -> Heard:
    """Listen to a WAV file that a program has written.

    Args:
        path: The file.
        sample: What it was decoded from.
        asked: The position in seconds that the program was asked to begin at.
    """
    try:
        sound, rate = soundfile.read(path, always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        return Heard(f"no sound: {error}")
    landed = {asked: _positions(sound, rate)} if sample.seeks else {}
    return Heard(None, len(sound) / rate, landed)


def _positions(sound: NDArray[np.float64], rate: int) -> tuple[float, ...]:
    settled = sound[round(_SETTLING_S * rate) :]
    return tuple(position(settled[:, side], rate, side) - _SETTLING_S for side in range(sound.shape[1]))


def faults(sample: Sample, heard: Heard, tolerance: Tolerance) -> Iterator[tuple[str, str]]:
    """What is wrong, as the aspect (``opens``, ``length`` or ``seeks``) and a text.

    Args:
        sample: The file.
        heard: What a program made of it.
        tolerance: What is asked of the program.
    """
    if heard.problem is not None:
        yield "opens", heard.problem
        return
    if heard.seconds is not None and not abs(heard.seconds - sample.seconds) <= tolerance.length_s:
        yield "length", f"{heard.seconds:.4f} s instead of {sample.seconds:.4f}"
    for asked, sides in heard.landed.items():
        if len(sides) != sample.channels:
            yield "opens", f"{len(sides)} channels instead of {sample.channels}"
        elif not all(abs(side - asked) <= tolerance.seek_s for side in sides):  # also if it is no number
            yield "seeks", f"to {asked:g} s: lands at {', '.join(f'{side:.2f}' for side in sides)}"
