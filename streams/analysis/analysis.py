"""Audio analysis of a clip, as far as compression needs it."""

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
_SEGMENT_S = 30.0  # analysed at a time: bounds the memory of long clips
_OVERLAP_S = 0.5  # between segments, so that a fax tone on a boundary is complete in one of them
_ONLY_DIGITS = 0.6  # share of energy; the rest is where digits begin and end
_FEWEST_VALUES = 16  # fewer different values (a square wave, noise of one step) lie on a law's grid by chance
_FLAGS: dict[g711.Law, int] = {"pcmu": 1, "pcma": 2}
_SAMPLED = 128  # samples that are looked up first: most linear audio is off the grid among these


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result of the audio analysis of a clip.

    Attributes:
        kind: ``fax`` if fax or modem signals occur anywhere; otherwise the kind of most of the sound: ``music``,
            ``speech``, or ``tones`` (call progress or DTMF and little else); ``silence`` (digital, or a steady quiet
            background) if there is no sound. If channels differ, the first kind in this order counts.
        bandwidth: Highest frequency with audible content, in Hz; 0 for digital silence.
        g711: The G.711 law that can represent every sample, or None; also None if there are too few different values.
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
    """Audio analysis that is computed on demand.

    Attributes:
        origin: Returns the G.711 law that can represent every sample, or None.
        analyse: Returns the whole analysis.
    """

    origin: Callable[[], g711.Law | None]
    analyse: Callable[[], Analysis]

    @classmethod
    def known(cls, analysis: Analysis) -> "LazyAnalysis":
        """Wrap an analysis that has been computed before."""
        return cls(lambda: analysis.g711, lambda: analysis)


def analyse_lazily(clip: Clip) -> LazyAnalysis:
    """Prepare the analysis of a clip of at least one frame."""
    return LazyAnalysis(partial(origin, clip), partial(analyse, clip))


def analyse(clip: Clip) -> Analysis:
    """Analyse a clip of at least one frame, channel by channel. Pure, thread-safe, deterministic."""
    samples = normalised(clip.samples)
    active = activity(samples, clip.rate)
    channels = _channels(samples)
    dtmf = [digits(channel, clip.rate) for channel in channels]
    mono = active if clip.channels == 1 else None
    analysed = [
        _analyse_channel(channel, clip.rate, digit, mono) for channel, digit in zip(channels, dtmf, strict=True)
    ]
    kinds = {kind for kind, _ in analysed}
    return Analysis(
        kind=next(kind for kind in _PRECEDENCE if kind in kinds),
        bandwidth=max(bandwidth for _, bandwidth in analysed),
        g711=origin(clip),
        level_dbfs=active.level_dbfs,
        clipping=clipping(clip.samples),
        activity=active.share,
        has_dtmf=any(digit.present for digit in dtmf),
    )


def _channels(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Split into contiguous channels; equal channels are returned once."""
    channels = [np.ascontiguousarray(channel) for channel in samples.T]
    same = len(channels) > 1 and np.array_equal(channels[0], channels[1])
    return channels[:1] if same else channels


def _analyse_channel(
    samples: NDArray[np.float32], rate: int, dtmf: Digits, active: Activity | None
) -> tuple[Kind, int]:
    """Kind and bandwidth (Hz) of one channel: fax if it occurs anywhere, else the kind of most segments with sound.

    Args:
        samples: Samples between -1 and 1, shape (frames,).
        rate: Sampling rate in Hz.
        dtmf: The channel's DTMF digits.
        active: The channel's activity, if it is known already.
    """
    votes: Counter[Kind] = Counter()
    bandwidth = 0
    for start in range(0, max(1, len(samples) - round(_OVERLAP_S * rate)), round(_SEGMENT_S * rate)):
        segment = samples[start : start + round((_SEGMENT_S + _OVERLAP_S) * rate)]
        transformed = spectrum(segment, rate)
        bandwidth = max(bandwidth, transformed.bandwidth)
        known = active if len(segment) == len(samples) else None
        votes[_kind(transformed, known or activity(segment[:, None], rate))] += len(segment)
    if votes["fax"]:
        return "fax", bandwidth
    if dtmf.present and dtmf.share > _ONLY_DIGITS:
        return "tones", bandwidth
    del votes["silence"]
    return max(_PRECEDENCE, key=votes.__getitem__) if votes else "silence", bandwidth


def _kind(transformed: Spectrum, active: Activity) -> Kind:
    signals = tones(transformed)
    if signals.fax:
        return "fax"
    if active.share == 0:
        return "silence"
    if signals.steady:
        return "tones"
    return "music" if is_music(transformed) else "speech"


def origin(clip: Clip) -> g711.Law | None:
    """Detect whether the samples were decoded from G.711 (ITU-T G.711), by looking them up in a table.

    A sample of 128 is looked up first. Few linear signals pass that, so all samples are looked up for G.711 only.

    Returns:
        The G.711 law that can represent every sample, or None; also None if there are too few different values.
    """
    values = clip.samples.reshape(-1).view(np.uint16)
    step = max(1, len(values) // _SAMPLED)
    possible = _laws_of(values[::step]) and _laws_of(values)
    law = next((law for law, flag in _FLAGS.items() if possible & flag), None)
    return law if law and np.count_nonzero(np.bincount(values, minlength=1 << 16)) >= _FEWEST_VALUES else None


def _laws_of(values: NDArray[np.uint16]) -> int:
    """Flags of the laws that can represent all of the samples."""
    return int(np.bitwise_and.reduce(_grids().take(values)))


@cache
def _grids() -> NDArray[np.uint8]:
    """Flags of the laws that can represent a sample, indexed by the sample's bits as an unsigned number."""
    grids = np.zeros(1 << 16, np.uint8)
    for law, flag in _FLAGS.items():
        grids[g711.decode(np.arange(256, dtype=np.uint8), law).view(np.uint16)] |= flag
    return grids
