"""A clip: the decoded audio of one input, and its metadata."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from schemas.media_type import MediaType


@dataclass(frozen=True)
class SourceFormat:
    """Container and encoding in which the sender sent a clip.

    Attributes:
        container: ``raw``, ``wav``, ``flac``, ``ogg`` or ``mpeg``.
        encoding: ``pcm``, ``pcmu``, ``pcma``, ``gsm``, ``g722``, ``flac``, ``vorbis``, ``opus`` or ``mpeg``.
        bits: Significant bits per sample of the source; 16 for lossy sources, 8 for G.711.
        corrected: The true media type where the label was wrong; None where it was right.
        repairs: What was wrong with a file that was decoded all the same, as kinds of `schemas.repairs`.
        gain_db: Amplification with which the sender coded the clip and which decoding took back (Opus's output gain).
    """

    container: str
    encoding: str
    bits: int = 16
    corrected: MediaType | None = None
    repairs: tuple[str, ...] = ()
    gain_db: int = 0


@dataclass(frozen=True, slots=True)
class ClipMetadata:
    """A clip's properties without its samples: enough to choose an encoding and to look it up in the cache.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
        duration_ms: Length in milliseconds, rounded to the nearest.
        source: Container and encoding as sent.
        pcm_sha256: Hex digest of the samples as interleaved little-endian 16-bit integers.
    """

    rate: int
    channels: int
    duration_ms: int
    source: SourceFormat
    pcm_sha256: str


@dataclass(frozen=True)
class Clip:
    """Decoded audio.

    Attributes:
        samples: Signed 16-bit samples, shape (frames, channels), C-contiguous, read-only.
        rate: Sampling rate in Hz.
        source: Container and encoding as sent.
    """

    samples: NDArray[np.int16]
    rate: int
    source: SourceFormat

    @classmethod
    def of(cls, samples: NDArray[np.int16], rate: int, source: SourceFormat) -> "Clip":
        """Make a clip of samples. They become read-only, and are copied only if they are not contiguous.

        Args:
            samples: Signed 16-bit samples, shape (frames, channels), or (frames,) for mono.
            rate: Sampling rate in Hz.
            source: Container and encoding as sent.
        """
        plane = samples.reshape(-1, 1) if samples.ndim == 1 else samples
        contiguous = np.ascontiguousarray(plane, dtype=np.int16)
        contiguous.flags.writeable = False
        return cls(contiguous, rate, source)

    @property
    def frames(self) -> int:
        """Number of sample frames (one sample of every channel each)."""
        return int(self.samples.shape[0])

    @property
    def channels(self) -> int:
        """Number of interleaved channels."""
        return int(self.samples.shape[1])

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds, rounded to the nearest."""
        return round(self.frames * 1000 / self.rate)

    @cached_property
    def pcm_sha256(self) -> str:
        """Hex digest of the samples as interleaved little-endian 16-bit integers."""
        return hashlib.sha256(self.samples.reshape(-1).astype("<i2", copy=False).data).hexdigest()

    @cached_property
    def metadata(self) -> ClipMetadata:
        """The clip's properties without its samples."""
        return ClipMetadata(self.rate, self.channels, self.duration_ms, self.source, self.pcm_sha256)


#: Either has rate, channels, duration and source.
ClipOrMetadata = Clip | ClipMetadata
