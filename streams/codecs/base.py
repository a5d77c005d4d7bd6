"""What all encoders have in common."""

from dataclasses import dataclass
from typing import Protocol

from streams.audio.clip import Clip

LOSSLESS = 5.0
UNRATED = 0.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded file, and what to tell its consumers.

    Attributes:
        audio: The complete file.
        content_type: Its media type, such as ``audio/flac`` or ``audio/ogg;codecs=opus``.
        codec: ``flac``, ``opus``, ``vorbis``, ``mpeg``, ``pcm``, ``pcmu``, ``pcma``, or the sender's own where the
            original was kept.
        encoder: Library and version, such as ``libFLAC/1.4.3 (pyFLAC 3.0.0)``.
        quality: Predicted mean opinion score, 1 to 4.55; 5.0 means that nothing was lost. Lossy encoders do not know
            the clip's content and leave it at `UNRATED`; ``streams.compression.quality.forecast`` does.
    """

    audio: bytes
    content_type: str
    codec: str
    encoder: str
    quality: float


class Encoder(Protocol):
    """A codec with its parameters: an immutable value, so that it can be compared, named and shared by threads."""

    def __hash__(self) -> int:
        """The same for equal parameters."""
        ...

    @property
    def codec(self) -> str:
        """Name of the codec, as `Encoded.codec` carries it."""
        ...

    @property
    def profile(self) -> str:
        """Stable name of everything that influences the bytes besides the clip: parameters and library versions."""
        ...

    def encode(self, clip: Clip) -> Encoded:
        """Encode a clip of at least one frame.

        Pure and deterministic: the same clip gives the same bytes in every thread and process.
        """
        ...
