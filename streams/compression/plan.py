"""How a clip is to be compressed."""

from dataclasses import dataclass

from streams.audio.clip import Clip
from streams.codecs import Encoder, FlacEncoder, OpusEncoder, WavEncoder

DEFAULT_LEVEL = 3

_FAST = FlacEncoder(effort=5)
_SMALL = FlacEncoder(effort=8)
_OPUS = {3: OpusEncoder(bitrate=12_000), 4: OpusEncoder(bitrate=9_000), 5: OpusEncoder(bitrate=7_000)}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the encoded bytes besides the samples.

    Attributes:
        level: 1 (lossless, fastest), 2 (lossless, smallest), 3 (transparent), 4 (economical) or 5 (smallest that is
            still intelligible).
        rate: Sampling rate in Hz of the clip.
        channels: Number of channels of the clip.
        encoders: At least one; the smallest result wins, the first among equals.
    """

    level: int
    rate: int
    channels: int
    encoders: tuple[Encoder, ...]

    @property
    def codec(self) -> str:
        """The codec that is tried first."""
        return self.encoders[0].codec

    @property
    def profile(self) -> str:
        """Stable text that is the same exactly where equal samples give equal bytes."""
        names = "|".join(encoder.profile for encoder in self.encoders)
        return f"level={self.level}:rate={self.rate}:channels={self.channels}:{names}"


def choose(clip: Clip, level: int | None) -> Plan:
    """Plan the compression of a clip.

    Args:
        clip: The decoded audio.
        level: 1 to 5, or None for automatic.

    Raises:
        ValueError: For a level that does not exist.
    """
    wanted = DEFAULT_LEVEL if level is None else level
    return Plan(wanted, clip.rate, clip.channels, _encoders(clip, wanted))


def _encoders(clip: Clip, level: int) -> tuple[Encoder, ...]:
    """G.711 is kept as it is at level 1, and at level 2 unless FLAC is smaller, which it is in silence."""
    as_sent = tuple(WavEncoder(law) for law in ("pcmu", "pcma") if clip.source.encoding == law)
    match level:
        case 1:
            return as_sent or (_FAST,)
        case 2:
            return (*as_sent, _SMALL)
        case 3 | 4 | 5:
            return (_OPUS[level],)
        case _:
            raise ValueError(f"level {level} does not exist; use 1 to 5, or None for automatic")
