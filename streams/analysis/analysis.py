"""Audio analysis of a clip, as far as compression needs it."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streams.analysis.activity import Activity, activity, clipping, normalised
from streams.analysis.dtmf import Digits, digits
from streams.analysis.music import is_music, music_sections
from streams.analysis.spectrum import HOP_S, Spectrum, spectrum
from streams.analysis.tones import tones
from streams.audio import g711
from streams.audio.clip import Clip

Kind = Literal["speech", "music", "silence", "tones", "fax"]

_PRECEDENCE: tuple[Kind, ...] = ("fax", "music", "speech", "tones", "silence")
SEGMENT_S = 30.0  #: Analysed at a time: bounds the memory of long clips
OVERLAP_S = 0.5  #: Between segments, so that a fax tone on a boundary is complete in one of them
_ENOUGH_FOR_SECTIONS = 125  # frames, four seconds; shorter segments are classified as a whole
ALIKE = 1e-4  # share of the channels' energy, 40 dB down; one stream then gives both sides what one mono stream gives
_ONE_STEP = 1 / 32768
_ONLY_DIGITS = 0.6  # share of energy; the rest is where digits begin and end
FEWEST_VALUES = 16  # fewer different values (a square wave, noise of one step) lie on a law's grid by chance
FLAGS: dict[g711.Law, int] = {"pcmu": 1, "pcma": 2}
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
        background_db: Level of what is heard behind the active parts, in dB relative to them; -inf for silence.
        loud_share: Share of time at most 12 dB below `level_dbfs`, 0 to 1.
        peak_dbfs: Largest sample in dB below full scale.
        music: Parts with music or steady tones in a clip of the kind ``speech``: begin and end of each in milliseconds.
            Parts may overlap.
        sides: The analyses of the two channels if they have different sound; empty for mono, and for channels that are
            alike. What depends on the clip as a whole (`g711`, `clipping`) is not in them.
    """

    kind: Kind
    bandwidth: int
    g711: g711.Law | None
    level_dbfs: float
    clipping: float
    activity: float
    has_dtmf: bool
    background_db: float = -math.inf
    loud_share: float = 1.0
    peak_dbfs: float = 0.0
    music: tuple[tuple[int, int], ...] = ()
    sides: "tuple[Analysis, ...]" = ()


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
    channels = [np.ascontiguousarray(channel) for channel in samples.T]
    if len(channels) == 1 or _alike(*channels):
        del channels[1:]
    sides = tuple(_analyse_channel(channel, clip.rate) for channel in channels)
    whole = sides[0] if len(sides) == 1 else together(sides)
    return replace(whole, g711=origin(clip), clipping=clipping(clip.samples), sides=sides if len(sides) > 1 else ())


def _alike(left: NDArray[np.float32], right: NDArray[np.float32]) -> bool:
    """Whether two channels have the same sound, but for what coding or transmission may have added."""
    if np.array_equal(left, right):
        return True
    return float(np.var(left - right)) < ALIKE * float(np.var(left) + np.var(right))  # an offset (DC) is not heard


def together(sides: tuple[Analysis, ...]) -> Analysis:
    """What is known of two channels together: of most properties, the larger value."""
    kinds = {side.kind for side in sides}
    return Analysis(
        kind=next(kind for kind in _PRECEDENCE if kind in kinds),
        bandwidth=max(side.bandwidth for side in sides),
        g711=None,
        level_dbfs=max(side.level_dbfs for side in sides),
        clipping=0.0,
        activity=max(side.activity for side in sides),
        has_dtmf=any(side.has_dtmf for side in sides),
        background_db=max(side.background_db for side in sides),
        loud_share=max(side.loud_share for side in sides),
        peak_dbfs=max(side.peak_dbfs for side in sides),
    )


def _analyse_channel(samples: NDArray[np.float32], rate: int) -> Analysis:
    """Analyse one channel: fax if it occurs anywhere, else the kind of most segments with sound.

    Args:
        samples: Samples between -1 and 1, shape (frames,).
        rate: Sampling rate in Hz.
    """
    active, dtmf = activity(samples[:, None], rate), digits(samples, rate)
    votes: Counter[Kind] = Counter()
    bandwidth = 0
    music: list[tuple[int, int]] = []
    for start in range(0, max(1, len(samples) - round(OVERLAP_S * rate)), round(SEGMENT_S * rate)):
        segment = samples[start : start + round((SEGMENT_S + OVERLAP_S) * rate)]
        transformed = spectrum(segment, rate)
        bandwidth = max(bandwidth, transformed.bandwidth)
        known = active if len(segment) == len(samples) else activity(segment[:, None], rate)
        kind, sections = kind_of(transformed, known)
        votes[kind] += len(segment)
        music += [times(section, start, rate) for section in sections]
    peak = float(np.abs(samples).max())
    return of_channel(votes, dtmf, active, bandwidth=bandwidth, peak=peak, music=music)


def of_channel(
    votes: Counter[Kind],
    dtmf: Digits,
    active: Activity,
    *,
    bandwidth: int,
    peak: float,
    music: Iterable[tuple[int, int]],
) -> Analysis:
    """What is known of one channel, from what was found in its segments and in the whole.

    Args:
        votes: The kinds of its segments, weighted by their lengths.
        dtmf: Its digits.
        active: Its activity.
        bandwidth: The largest of its segments, in Hz.
        peak: Its largest sample, 0 to 1.
        music: Its parts with music, as pairs of milliseconds.
    """
    kind = _kind_of_most(votes, dtmf)
    return Analysis(
        kind=kind,
        bandwidth=bandwidth,
        g711=None,
        level_dbfs=active.level_dbfs,
        clipping=0.0,
        activity=active.share,
        has_dtmf=dtmf.present,
        background_db=active.background_db,
        loud_share=active.loud_share,
        peak_dbfs=20 * math.log10(max(peak, _ONE_STEP)),
        music=tuple(music) if kind == "speech" else (),
    )


def _kind_of_most(votes: Counter[Kind], dtmf: Digits) -> Kind:
    """The kind of a channel, from the kinds of its segments, weighted by their lengths."""
    if votes["fax"]:
        return "fax"
    if dtmf.present and dtmf.share > _ONLY_DIGITS:
        return "tones"
    del votes["silence"]
    return max(_PRECEDENCE, key=votes.__getitem__) if votes else "silence"


def kind_of(transformed: Spectrum, active: Activity) -> tuple[Kind, list[tuple[int, int]]]:
    """The kind of a segment, and its parts with music and tones in frames of the spectrum."""
    signals = tones(transformed)
    if signals.fax:
        return "fax", []
    if active.share == 0:
        return "silence", []
    if signals.steady:
        return "tones", []
    frames = len(transformed.power)
    if frames < _ENOUGH_FOR_SECTIONS:
        return ("music" if is_music(transformed) else "speech"), [*signals.parts]
    sections = music_sections(transformed)
    mostly = sum(end - start for start, end in sections) > frames / 2
    return ("music" if mostly else "speech"), sorted([*sections, *signals.parts])


def times(section: tuple[int, int], start: int, rate: int) -> tuple[int, int]:
    """Begin and end in milliseconds of a part of a segment, in frames of its spectrum, that begins at this sample."""
    hop_ms = HOP_S * 1000
    first, end = (round(start * 1000 / rate + frame * hop_ms) for frame in section)
    return first, end + round(hop_ms)  # the last frame's second half


def origin(clip: Clip) -> g711.Law | None:
    """Detect whether the samples were decoded from G.711 (ITU-T G.711), by looking them up in a table.

    A sample of 128 is looked up first. Few linear signals pass that, so all samples are looked up for G.711 only.

    Returns:
        The G.711 law that can represent every sample, or None; also None if there are too few different values.
    """
    values = clip.samples.reshape(-1).view(np.uint16)
    possible = possible_laws(values)
    law = next((law for law, flag in FLAGS.items() if possible & flag), None)
    return law if law and np.count_nonzero(np.bincount(values, minlength=1 << 16)) >= FEWEST_VALUES else None


def possible_laws(values: NDArray[np.uint16]) -> int:
    """Flags of the laws that can represent all of at least one sample, each as an unsigned number."""
    step = max(1, len(values) // _SAMPLED)
    return _laws_of(values[::step]) and _laws_of(values)


def _laws_of(values: NDArray[np.uint16]) -> int:
    """Flags of the laws that can represent all of the samples."""
    return int(np.bitwise_and.reduce(_grids().take(values)))


@cache
def _grids() -> NDArray[np.uint8]:
    """Flags of the laws that can represent a sample, indexed by the sample's bits as an unsigned number."""
    grids = np.zeros(1 << 16, np.uint8)
    for law, flag in FLAGS.items():
        grids[g711.decode(np.arange(256, dtype=np.uint8), law).view(np.uint16)] |= flag
    return grids
