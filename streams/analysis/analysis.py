"""What a clip holds, as far as compression needs to know."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streams.analysis.activity import Activity, activity, clipping, normalised
from streams.analysis.dtmf import Digits, digits
from streams.analysis.music import is_music
from streams.analysis.spectrum import Spectrum, spectrum
from streams.analysis.tones import tones
from streams.audio import g711
from streams.audio.clip import Clip

Kind = Literal["speech", "music", "silence", "tones", "fax"]

_PRECEDENCE: tuple[Kind, ...] = ("fax", "music", "speech", "tones", "silence")
_SEGMENT_S = 30.0  # judged at a time: bounds the memory of long clips
_OVERLAP_S = 0.5  # so that a fax tone on the seam is whole in one segment
_ONLY_DIGITS = 0.6  # share of energy; the rest is where digits begin and end
_FEWEST_VALUES = 16  # on a law's grid by chance: a square wave, or noise of one step, tells no origin
_FLAGS: dict[g711.Law, int] = {"pcmu": 1, "pcma": 2}
_SAMPLED = 128  # samples that are looked up before all are: linear audio leaves the grid at once


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is heard in a clip.

    Attributes:
        kind: ``fax`` where fax or modem signals occur anywhere; otherwise what most of the sound is: ``music``,
            ``speech``, ``tones`` (call progress or DTMF and little else); ``silence`` (digital, or a steady quiet
            background) where nothing sounds. Of channels that differ, the first kind in this order counts.
        bandwidth: Highest frequency in Hz that carries anything audible; 0 for digital silence.
        g711: The law on whose grid every sample lies, or None; also None where too few values occur to tell.
        level_dbfs: Root mean square of the active parts in dB below full scale; -inf for digital silence.
        clipping: Share of samples at full scale in runs of three and more, 0 to 1.
        activity: Share of time that is not silence, 0 to 1.
        has_dtmf: Whether a DTMF digit occurs anywhere, in any channel.
    """

    kind: Kind
    bandwidth: int
    g711: g711.Law | None
    level_dbfs: float
    clipping: float
    activity: float
    has_dtmf: bool


@dataclass(frozen=True, slots=True)
class LazyAnalysis:
    """What is heard in a clip, worked out whenever it is asked for.

    Attributes:
        origin: Gives the law of G.711 on whose grid every sample lies, or None.
        analyse: Gives everything.
    """

    origin: Callable[[], g711.Law | None]
    analyse: Callable[[], Analysis]

    @classmethod
    def known(cls, analysis: Analysis) -> "LazyAnalysis":
        """What has been heard before."""
        return cls(lambda: analysis.g711, lambda: analysis)


def analyse_lazily(clip: Clip) -> LazyAnalysis:
    """Begin to listen to a clip of at least one frame."""
    return LazyAnalysis(partial(origin, clip), partial(analyse, clip))


def analyse(clip: Clip) -> Analysis:
    """Listen to a clip of at least one frame. Pure, thread-safe, deterministic; channels are judged one by one."""
    samples = normalised(clip.samples)
    active = activity(samples, clip.rate)
    channels = _channels(samples)
    found = [digits(channel, clip.rate) for channel in channels]
    alone = active if clip.channels == 1 else None
    analysed = [
        _analyse_channel(channel, clip.rate, digit, alone) for channel, digit in zip(channels, found, strict=True)
    ]
    kinds = {kind for kind, _ in analysed}
    return Analysis(
        kind=next(kind for kind in _PRECEDENCE if kind in kinds),
        bandwidth=max(bandwidth for _, bandwidth in analysed),
        g711=origin(clip),
        level_dbfs=active.level_dbfs,
        clipping=clipping(clip.samples),
        activity=active.share,
        has_dtmf=any(digit.found for digit in found),
    )


def _channels(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The channels that differ, each contiguous."""
    channels = [np.ascontiguousarray(channel) for channel in samples.T]
    same = len(channels) > 1 and np.array_equal(channels[0], channels[1])
    return channels[:1] if same else channels


def _analyse_channel(
    samples: NDArray[np.float32], rate: int, found: Digits, active: Activity | None
) -> tuple[Kind, int]:
    """Kind and bandwidth in Hz of one channel: fax if anywhere, otherwise what most of its sounding segments are.

    The activity of all of it may be known.
    """
    votes: Counter[Kind] = Counter()
    bandwidth = 0
    for start in range(0, max(1, len(samples) - round(_OVERLAP_S * rate)), round(_SEGMENT_S * rate)):
        segment = samples[start : start + round((_SEGMENT_S + _OVERLAP_S) * rate)]
        seen = spectrum(segment, rate)
        bandwidth = max(bandwidth, seen.bandwidth)
        known = active if len(segment) == len(samples) else None
        votes[_kind(seen, known or activity(segment[:, None], rate))] += len(segment)
    if votes["fax"]:
        return "fax", bandwidth
    if found.found and found.share > _ONLY_DIGITS:
        return "tones", bandwidth
    del votes["silence"]
    return max(_PRECEDENCE, key=votes.__getitem__) if votes else "silence", bandwidth


def _kind(seen: Spectrum, active: Activity) -> Kind:
    machines = tones(seen)
    if machines.fax:
        return "fax"
    if active.share == 0:
        return "silence"
    if machines.steady:
        return "tones"
    return "music" if is_music(seen) else "speech"


def origin(clip: Clip) -> g711.Law | None:
    """The law that made these samples: set membership by table, ITU-T G.711.

    Few linear signals survive the first hundred samples, so that the whole is looked up for G.711 only.

    Returns:
        The law on whose grid every sample lies, or None; also None where too few values occur to tell.
    """
    values = clip.samples.reshape(-1).view(np.uint16)
    step = max(1, len(values) // _SAMPLED)
    possible = _laws_of(values[::step]) and _laws_of(values)
    law = next((law for law, flag in _FLAGS.items() if possible & flag), None)
    return law if law and np.count_nonzero(np.bincount(values, minlength=1 << 16)) >= _FEWEST_VALUES else None


def _laws_of(values: NDArray[np.uint16]) -> int:
    """Flags of the laws on whose grids all of the samples lie."""
    return int(np.bitwise_and.reduce(_grids().take(values)))


@cache
def _grids() -> NDArray[np.uint8]:
    """Flags of the laws that can express a sample, by the sample's bits read as an unsigned number."""
    grids = np.zeros(1 << 16, np.uint8)
    for law, flag in _FLAGS.items():
        grids[g711.decode(np.arange(256, dtype=np.uint8), law).view(np.uint16)] |= flag
    return grids
