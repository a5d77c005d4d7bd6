"""Decodes a result as a consumer would, and compares it with the audio that was sent."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.chaos.sounds import Sample, Samples

_LOSSLESS_LEVELS = ("1", "2")
#: libsndfile's names for the formats of the contract, by content type.
_CONTAINERS = {
    "audio/flac": {"FLAC"},
    "audio/ogg;codecs=opus": {"OGG/OPUS"},
    "audio/ogg;codecs=vorbis": {"OGG/VORBIS"},
    "audio/ogg": {"OGG/OPUS", "OGG/VORBIS"},
    "audio/mpeg": {"MP3", "MPEG"},
    "audio/wav": {"WAV", "WAVEX"},
}
_FRAME_S = 0.02
_FEWEST_FRAMES = 20  # 0.4 s: a shorter envelope says little
#: Correlation of loudness over time between input and result. The lowest level keeps 0.95 and more; unrelated clips
#: seldom reach 0.5.
_SAME_AUDIO = 0.8


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """A decoded file."""

    pcm: Samples
    rate: int
    container: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / self.rate

    @property
    def pcm_sha256(self) -> str:
        """Digest of its samples as the contract defines it."""
        return hashlib.sha256(self.pcm.astype("<i2").tobytes()).hexdigest()


def decode_file(audio: bytes) -> DecodedFile | None:
    """Decode a file with libsndfile; None if that fails."""
    try:
        with soundfile.SoundFile(io.BytesIO(audio)) as sound:
            container = f"{sound.format}/{sound.subtype}" if sound.format == "OGG" else sound.format
            return DecodedFile(sound.read(dtype="int16", always_2d=True), sound.samplerate, container)
    except soundfile.LibsndfileError:
        return None


def mistakes(audio: bytes, sample: Sample, *, content_type: str, level: str, pcm_sha256: str) -> list[str]:
    """Find mistakes in a result's file.

    Args:
        audio: The file.
        sample: The audio that was sent.
        content_type: As its header says.
        level: Compression level in its header.
        pcm_sha256: Digest of the decoded input in its header.
    """
    decoded = decode_file(audio)
    if decoded is None:
        return ["does not play"]
    found = []
    if decoded.container not in _CONTAINERS.get(content_type, set()):
        found.append(f"is {decoded.container} and is called {content_type}")
    if sample.is_exact and pcm_sha256 != hashlib.sha256(sample.pcm.astype("<i2").tobytes()).hexdigest():
        found.append("ce_pcmsha256 is not the digest of what was sent")
    if not same_length(decoded, sample):
        found.append(f"lasts {decoded.seconds:.4f} s instead of {sample.seconds:.4f} s")
    elif is_lossless(content_type, level) and sample.is_exact:
        if not np.array_equal(decoded.pcm, sample.pcm):
            found.append(f"level {level} is not lossless")
    elif not same_audio(decoded, sample):
        found.append("is other audio than was sent")
    return found


def is_lossless(content_type: str, level: str) -> bool:
    """Whether a result promises identical samples; a lossy input that is kept may decode differently."""
    return level in _LOSSLESS_LEVELS and content_type in {"audio/flac", "audio/wav"}


def same_length(decoded: DecodedFile, sample: Sample) -> bool:
    """Whether a file has the length of its input, to a sample of either."""
    return abs(decoded.seconds - sample.seconds) <= 1 / min(decoded.rate, sample.rate)


def same_audio(decoded: DecodedFile, sample: Sample) -> bool:
    """Whether a file has the loudness over time of its input."""
    heard, said = _loudness(decoded.pcm, decoded.rate), _loudness(sample.pcm, sample.rate)
    frames = min(len(heard), len(said))
    if frames < _FEWEST_FRAMES:
        return True
    return float(np.corrcoef(heard[:frames], said[:frames])[0, 1]) >= _SAME_AUDIO


def _loudness(pcm: Samples, rate: int) -> NDArray[np.float64]:
    size = round(rate * _FRAME_S)
    frames = len(pcm) // size
    mono = pcm[: frames * size].mean(axis=1).reshape(frames, size)
    loudness: NDArray[np.float64] = np.sqrt(np.sqrt((mono**2).mean(axis=1)))  # the second root is for soft syllables
    return loudness
