"""Measures what is heard where results of consecutive segments of a call meet, compared with one file of the call.

Steps and clicks are errors with much treble, so the error's second difference is measured: its loudest 5 ms within
20 ms of a seam, relative to the same in the middle of segments. In one file, the seams' places are places like others.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from scripts.tables import ReportTable
from streams.audio import Clip
from streams.audio.clip import SourceFormat
from streams.audio.resample import to_known_rate
from streams.codecs import DualMonoOpusEncoder, Encoder, OpusEncoder

SEGMENT_SECONDS = 2

_Floats = NDArray[np.float64]
_HUM_SECONDS = 60
_HUM = ((1, 1000), (2, 600), (3, 400), (5, 200), (7, 100))  # harmonics and their amplitudes
_HUM_NOISE = 3.0  # standard deviation of its noise
_AWAY = (0.35, 0.5, 0.65)  # of a segment: places without a seam
_WINDOWS_PER_SECOND, _WINDOWS_AROUND = 200, 4
_RATES = (8000, 16_000)


@dataclass(frozen=True, slots=True)
class Seams:
    """How one kind of result joins.

    Attributes:
        content: What is coded.
        rate: Sampling rate in Hz.
        coding: ``mono``, ``dual mono`` or ``stereo`` (coupled).
        one_file_db: Level of clicks at the seams' places in one file, relative to other places.
        joined_db: The same where files of segments meet.
        more_bytes: Bytes of all segments' files relative to the one file, minus one.
    """

    content: str
    rate: int
    coding: str
    one_file_db: float
    joined_db: float
    more_bytes: float


def measure(speech: Sequence[Clip], advance: Callable[[], None]) -> list[Seams]:
    """Code hums and speech as one file and as files of segments.

    Args:
        speech: Prompts at 8 kHz, mono; they are coded one after the other.
        advance: Called `steps` times.
    """
    found = []
    for content, clip in _contents(speech):
        for coding, encoder, coded in _codings(clip):
            found.append(_compare(content, coding, encoder, coded))
            advance()
    return found


def table(rows: Sequence[Seams]) -> ReportTable:
    """The measurements as a table."""
    made = ReportTable("content", title="clicks where results of segments meet, in dB")
    for name in ("rate", "coding", "one file", "segments", "more bytes"):
        made.add_column(name, justify="left" if name == "coding" else "right")
    for row in rows:
        clicks = (f"{level:.1f}" for level in (row.one_file_db, row.joined_db))
        made.add_row(row.content, str(row.rate), row.coding, *clicks, f"{row.more_bytes:.1%}")
    return made


def steps() -> int:
    """How many measurements there are."""
    return 3 * 3 * len(_RATES)


def _contents(speech: Sequence[Clip]) -> Iterator[tuple[str, Clip]]:
    together = _clip(np.concatenate([clip.samples for clip in speech]), _RATES[0])
    for rate in _RATES:
        yield "hum of 50 Hz", _hum(50, rate)
        yield "hum of 100 Hz", _hum(100, rate)
        yield "prompts", _clip(*to_known_rate(together, (rate,)))


def _hum(base: int, rate: int) -> Clip:
    time = np.arange(_HUM_SECONDS * rate) / rate
    hum = sum(amplitude * np.sin(2 * np.pi * base * number * time + number) for number, amplitude in _HUM)
    noise = np.random.default_rng(0).normal(0, _HUM_NOISE, len(time))
    return _clip(np.rint(hum + noise).astype(np.int16)[:, None], rate)


def _codings(mono: Clip) -> Iterator[tuple[str, Encoder, Clip]]:
    """Each encoder and its clip; the other side of two-channel clips is the same audio, half of it later."""
    side = OpusEncoder(9600 if mono.rate == _RATES[0] else 14_000, shaped=True, bandwidth=mono.rate // 2)
    stereo = _clip(np.hstack([mono.samples, np.roll(mono.samples, mono.frames // 2)]), mono.rate)
    yield "mono", side, mono
    yield "dual mono", DualMonoOpusEncoder(side, side), stereo
    yield "stereo", OpusEncoder(2 * side.bitrate, bandwidth=side.bandwidth), stereo


def _compare(content: str, coding: str, encoder: Encoder, clip: Clip) -> Seams:
    segment = SEGMENT_SECONDS * clip.rate
    whole = _clip(clip.samples[: clip.frames // segment * segment], clip.rate)
    one = encoder.encode(whole).audio
    parts = [
        encoder.encode(_clip(whole.samples[start : start + segment], clip.rate)).audio
        for start in range(0, whole.frames, segment)
    ]
    joined = np.concatenate([_decoded(part) for part in parts])
    clicks_one, clicks_joined = (_clicks(each - whole.samples, segment, clip.rate) for each in (_decoded(one), joined))
    return Seams(content, clip.rate, coding, clicks_one, clicks_joined, sum(map(len, parts)) / len(one) - 1)


def _clicks(error: _Floats, segment: int, rate: int) -> float:
    """Level of clicks at the seams relative to that in the middle of segments, in dB, mean of all channels."""
    treble = np.diff(error, n=2, axis=0)
    window = rate // _WINDOWS_PER_SECOND
    power = (treble[: len(treble) // window * window].reshape(-1, window, error.shape[1]) ** 2).mean(axis=1)

    def loudest(place: float) -> _Floats:
        middle = round(place / window)
        return np.asarray(power[middle - _WINDOWS_AROUND : middle + _WINDOWS_AROUND].max(axis=0))

    seams = range(segment, len(error) - segment // 2, segment)
    at_seams = np.mean([loudest(seam) for seam in seams])
    elsewhere = np.mean([loudest(seam + share * segment) for seam in seams for share in _AWAY])
    return float(10 * np.log10(at_seams / elsewhere))


def _decoded(audio: bytes) -> _Floats:
    samples, _ = soundfile.read(io.BytesIO(audio), always_2d=True)
    return np.asarray(samples * 32768, np.float64)


def _clip(samples: NDArray[np.int16], rate: int) -> Clip:
    return Clip.of(samples, rate, SourceFormat("raw", "pcm"))
