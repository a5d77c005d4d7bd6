"""The interface of all encoders and their result."""

from dataclasses import dataclass
from typing import Protocol

from streams.audio.clip import Clip

LOSSLESS = 5.0
UNKNOWN_QUALITY = 0.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded file and its properties.

    Attributes:
        audio: The complete file.
        content_type: Its media type, such as ``audio/flac`` or ``audio/ogg;codecs=opus``.
        codec: ``flac``, ``opus``, ``vorbis``, ``mpeg``, ``pcm``, ``pcmu``, ``pcma``, or the sender's codec if the input
            was kept.
        encoder: Library and version, such as ``libFLAC/1.4.3 (pyFLAC 3.0.0)``.
        quality: Predicted mean opinion score, 1 to 4.55; 5.0 means lossless. Lossy encoders do not know the clip's
            content and set `UNKNOWN_QUALITY`; ``streams.compression.forecast`` predicts it.
    """

    audio: bytes
    content_type: str
    codec: str
    encoder: str
    quality: float

    def with_quality(self, quality: float) -> "Encoded":
        """Return the same file with a predicted quality."""
        return Encoded(self.audio, self.content_type, self.codec, self.encoder, quality)


class Encoder(Protocol):
    """A codec with its parameters, as an immutable value: it can be compared, named and shared by threads."""

    def __hash__(self) -> int:
        """Equal for equal parameters."""
        ...

    @property
    def codec(self) -> str:
        """Name of the codec, as in `Encoded.codec`."""
        ...

    @property
    def profile(self) -> str:
        """Stable text of everything besides the clip that influences the bytes: parameters and library versions."""
        ...

    def encode(self, clip: Clip) -> Encoded:
        """Encode a clip of at least one frame.

        Pure and deterministic: the same clip gives the same bytes in every thread and process.
        """
        ...
