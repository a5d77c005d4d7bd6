"""Audio analysis of a recording of any length, segment by segment; its result is that of `analyse` for a clip.

Segments can be analysed in any thread. What is kept of each is small: 40 KB for a minute with one channel.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streams.analysis.activity import activity_and_power, activity_of, clipped, frame_size, normalised
from streams.analysis.analysis import (
    ALIKE,
    FEWEST_VALUES,
    FLAGS,
    OVERLAP_S,
    SEGMENT_S,
    Analysis,
    Kind,
    kind_of,
    of_channel,
    possible_laws,
    times,
    together,
)
from streams.analysis.dtmf import HOP_S, Digits, digits
from streams.analysis.spectrum import spectrum
from streams.audio import g711

_ALL_LAWS = sum(FLAGS.values())


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a recording, with the beginning of the next one.

    Attributes:
        samples: Signed 16-bit samples, shape (frames, channels).
        start: Number of sample frames before it.
        length: Number of sample frames without those of the next segment.
        rate: Sampling rate in Hz.
    """

    samples: NDArray[np.int16]
    start: int
    length: int
    rate: int

    @property
    def own(self) -> NDArray[np.int16]:
        """The samples without those of the next segment."""
        return self.samples[: self.length]


@dataclass(frozen=True, slots=True)
class Origin:
    """What the G.711 origin of a recording depends on.

    Attributes:
        laws: Flags of the laws that can represent all samples.
        values: The different samples, as unsigned numbers; empty where no law can represent them.
    """

    laws: int
    values: frozenset[int]

    def __add__(self, other: "Origin") -> "Origin":
        """The origin of both parts."""
        laws = self.laws & other.laws
        return Origin(laws, self.values | other.values if laws else frozenset())

    @property
    def law(self) -> g711.Law | None:
        """The G.711 law that can represent every sample, or None; also None if there are too few different values."""
        law = next((law for law, flag in FLAGS.items() if self.laws & flag), None)
        return law if len(self.values) >= FEWEST_VALUES else None


NO_SAMPLES = Origin(_ALL_LAWS, frozenset())


@dataclass(frozen=True, slots=True)
class _Channel:
    """The analysis of one channel of a segment; `power` is that of the recording's frames of 20 ms."""

    kind: Kind
    frames: int
    bandwidth: int
    music: Sequence[tuple[int, int]]
    power: NDArray[np.float32]
    digits: Digits
    peak: float


@dataclass(frozen=True, slots=True)
class SegmentAnalysis:
    """What is known of a segment.

    Attributes:
        origin: See `Origin`.
        channels: One of each channel; one where both have the same samples.
        clipped: Number of samples at full scale in runs.
        samples: Number of samples of all channels.
        moments: Sums over the samples of two channels: number; left, right and difference; their squares.
    """

    origin: Origin
    channels: tuple[_Channel, ...]
    clipped: int
    samples: int
    moments: tuple[int, ...]


def segments(blocks: Iterable[NDArray[np.int16]], rate: int) -> Iterator[Segment]:
    """Cut a recording into segments as `analyse` does it.

    Args:
        blocks: The audio, shape (frames, channels) each.
        rate: Sampling rate in Hz.
    """
    length, overlap = round(SEGMENT_S * rate), round(OVERLAP_S * rate)
    waiting: list[NDArray[np.int16]] = []
    frames = start = 0
    for block in blocks:
        waiting.append(block)
        frames += len(block)
        while frames > length + overlap:
            joined = np.concatenate(waiting)
            yield Segment(joined[: length + overlap], start, length, rate)
            waiting, start = [joined[length:]], start + length
            frames -= length
    if frames:
        yield Segment(np.concatenate(waiting), start, frames, rate)


def origin_of(segment: Segment) -> Origin:
    """Find the G.711 laws that can represent all samples of a segment."""
    values = np.ascontiguousarray(segment.own).reshape(-1).view(np.uint16)
    laws = possible_laws(values)
    found = np.flatnonzero(np.bincount(values, minlength=1 << 16)).tolist() if laws else []
    return Origin(laws, frozenset(found))


def analyse_segment(segment: Segment) -> SegmentAnalysis:
    """Analyse a segment of at least one frame. Pure, thread-safe, deterministic."""
    planes = [np.ascontiguousarray(plane) for plane in normalised(segment.samples).T]
    if len(planes) == 2 and np.array_equal(planes[0], planes[1]):  # noqa: PLR2004 - the two sides of a call
        del planes[1]
    channels = tuple(_analyse_channel(plane, segment) for plane in planes)
    moments = _moments(segment.own) if segment.samples.shape[1] == 2 else ()  # noqa: PLR2004 - as above
    return SegmentAnalysis(origin_of(segment), channels, clipped(segment.own), segment.own.size, moments)


def _analyse_channel(samples: NDArray[np.float32], segment: Segment) -> _Channel:
    rate, start = segment.rate, segment.start
    size = frame_size(rate, len(samples))
    active, power = activity_and_power(samples[:, None], size)
    transformed = spectrum(samples, rate)
    kind, sections = kind_of(transformed, active)
    offset = -start % size  # to the recording's first frame of 20 ms that begins here
    if offset:
        power = activity_and_power(np.ascontiguousarray(samples[offset:, None]), size)[1]
    begin_here = -(-(segment.length - offset) // size) if len(samples) > segment.length else len(power)
    two_more = (round(rate * HOP_S) - 1) + 2 * round(rate * HOP_S)  # of the next segment's blocks of 10 ms
    return _Channel(
        kind,
        len(samples),
        transformed.bandwidth,
        [times(section, start, rate) for section in sections],
        power[:begin_here].copy(),
        digits(samples[: segment.length + two_more], rate),
        float(np.abs(samples[: segment.length]).max()),
    )


def _moments(samples: NDArray[np.int16]) -> tuple[int, ...]:
    left, right = samples.T.astype(np.int64)
    difference = left - right
    return len(left), *(int(each.sum()) for each in (left, right, difference, left**2, right**2, difference**2))


class RecordingAnalysis:
    """Puts the analyses of all segments together, in their order."""

    def __init__(self) -> None:
        self._segments: list[SegmentAnalysis] = []

    def add(self, segment: SegmentAnalysis) -> None:
        """Add the analysis of the next segment."""
        self._segments.append(segment)

    def origin(self) -> g711.Law | None:
        """See `streams.analysis.analysis.origin`."""
        return sum((segment.origin for segment in self._segments), NO_SAMPLES).law

    def analysis(self) -> Analysis:
        """The analysis of the whole recording, which has at least one segment."""
        numbers = (0,) if self._are_alike() else (0, 1)
        sides = tuple(self._side(number) for number in numbers)
        whole = sides[0] if len(sides) == 1 else together(sides)
        clipping = sum(segment.clipped for segment in self._segments) / sum(each.samples for each in self._segments)
        return replace(whole, g711=self.origin(), clipping=clipping, sides=sides if len(sides) > 1 else ())

    def _are_alike(self) -> bool:
        """Whether there is one channel, or two with the same sound."""
        if all(len(segment.channels) == 1 for segment in self._segments):
            return True
        sums = [sum(each) for each in zip(*(segment.moments for segment in self._segments), strict=True)]
        count = sums[0]
        left, right, difference = (
            square / count - (total / count) ** 2 for total, square in zip(sums[1:4], sums[4:], strict=True)
        )
        return bool(difference < ALIKE * (left + right))

    def _side(self, number: int) -> Analysis:
        parts = [segment.channels[min(number, len(segment.channels) - 1)] for segment in self._segments]
        active = activity_of(np.concatenate([part.power for part in parts]))
        dtmf = sum((part.digits for part in parts[1:]), parts[0].digits)
        votes: Counter[Kind] = Counter()
        for part in parts:
            votes[part.kind] += part.frames
        return of_channel(
            votes,
            dtmf,
            active,
            bandwidth=max(part.bandwidth for part in parts),
            peak=max(part.peak for part in parts),
            music=(section for part in parts for section in part.music),
        )
