"""Files in every format whose sound tells the position in them: a tone that rises by 20 Hz in a second."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.audio import Clip, SourceFormat
from streams.codecs import (
    DualMonoOpusEncoder,
    Encoder,
    FlacEncoder,
    Mp3Encoder,
    OpusEncoder,
    VorbisEncoder,
    WavEncoder,
)

RATES = (8000, 16_000, 48_000)
LENGTHS = (0.0, 0.06, 2.0, 90.0)  # seconds; 0 means a single frame
_SHORTEST_S = 1.0
_AMPLITUDE = 8000
_RAW = SourceFormat("raw", "pcm")


@dataclass(frozen=True, slots=True)
class Tone:
    """The sound of the samples.

    Attributes:
        start: Pitch at the beginning of the left side, in Hz.
        slope: By how much it rises, in Hz per second.
        sides: By how much the right side is higher, in Hz.
        window: How much of the sound its pitch is measured in, in seconds.
        lowest: Where a pitch is looked for, from this frequency in Hz ...
        highest: ... to this one.
    """

    start: int = 400
    slope: int = 20
    sides: int = 300
    window: float = 0.1
    lowest: int = 200
    highest: int = 3000


TONE = Tone()

#: For each format, the end of its files' names, its numbers of channels, and the encoder for a rate in Hz.
_FORMATS: dict[str, tuple[str, tuple[int, ...], Callable[[int], Encoder]]] = {
    "WAV pcm": ("wav", (1, 2), lambda _: WavEncoder("pcm")),
    "WAV pcmu": ("wav", (1, 2), lambda _: WavEncoder("pcmu")),
    "WAV pcma": ("wav", (1, 2), lambda _: WavEncoder("pcma")),
    "FLAC": ("flac", (1, 2), lambda _: FlacEncoder(5)),
    "MP3": ("mp3", (1, 2), lambda rate: Mp3Encoder(32_000 if rate < RATES[-1] else 96_000)),
    "Opus": ("ogg", (1, 2), lambda _: OpusEncoder(64_000, effort=5)),
    "Opus, dual mono": ("ogg", (2,), lambda _: DualMonoOpusEncoder(*(OpusEncoder(32_000, effort=5),) * 2)),
    "Vorbis": ("ogg", (1, 2), lambda _: VorbisEncoder(0.5)),
}
FORMATS = tuple(_FORMATS)


@dataclass(frozen=True, slots=True)
class Sample:
    """A file.

    Attributes:
        format: One of `FORMATS`.
        name: Its name, which no other sample has.
        content_type: Its media type.
        rate: Sampling rate in Hz.
        channels: Number of channels.
        frames: Its length in samples per channel.
        audio: Its content.
    """

    format: str
    name: str
    content_type: str
    rate: int
    channels: int
    frames: int
    audio: bytes

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate

    @property
    def seeks(self) -> tuple[float, ...]:
        """Positions to go to and listen at, in seconds; none in files that are too short to hear a pitch."""
        return () if self.seconds < _SHORTEST_S else (self.seconds / 2, self.seconds - min(1.5, self.seconds / 4))

    @property
    def positions(self) -> tuple[float, ...]:
        """Positions to go to in a browser, which shows where it is, in seconds."""
        return self.seeks or (self.seconds / 2,)


def samples() -> list[Sample]:
    """Every format in every rate, number of channels and length."""
    return [
        sample(name, rate, channels, seconds)
        for name, (_, numbers, _) in _FORMATS.items()
        for rate in RATES
        for channels in numbers
        for seconds in LENGTHS
    ]


def sample(format_name: str, rate: int, channels: int, seconds: float) -> Sample:
    """Make one of them.

    Args:
        format_name: One of `FORMATS`.
        rate: Sampling rate in Hz.
        channels: Number of channels.
        seconds: Length; 0 means a single frame.
    """
    suffix, _, encoder = _FORMATS[format_name]
    encoded = encoder(rate).encode(_rising_tone(seconds, rate, channels))
    kind = format_name.lower().replace(",", "").replace(" ", "-")
    name = f"{kind}-{rate}Hz-{channels}ch-{seconds:g}s.{suffix}"
    return Sample(format_name, name, encoded.content_type, rate, channels, _frames(seconds, rate), encoded.audio)


def _frames(seconds: float, rate: int) -> int:
    return max(1, round(seconds * rate))


def _rising_tone(seconds: float, rate: int, channels: int) -> Clip:
    times = np.arange(_frames(seconds, rate)) / rate
    sides = [
        np.cos(2 * np.pi * (TONE.start + TONE.sides * side + TONE.slope * times / 2) * times) * _AMPLITUDE
        for side in range(channels)
    ]
    return Clip.of(np.stack(sides, axis=1).astype(np.int16), rate, _RAW)


def position(sound: NDArray[np.float64], rate: int, side: int = 0) -> float:
    """Where in its file a sound begins, by its pitch, in seconds.

    Args:
        sound: One channel, of at least a tenth of a second.
        rate: Its sampling rate in Hz.
        side: Number of the channel.
    """
    window = sound[: round(TONE.window * rate)]
    if not np.any(window):
        return float("nan")
    loudness = np.abs(np.fft.rfft(window * np.hanning(len(window)), rate))  # one value for each Hz
    pitch = TONE.lowest + int(np.argmax(loudness[TONE.lowest : TONE.highest]))
    return (pitch - TONE.start - TONE.sides * side) / TONE.slope - TONE.window / 2
