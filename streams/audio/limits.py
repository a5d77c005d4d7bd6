"""Limits of decoding, and the rejection for audio that exceeds them."""

from dataclasses import dataclass

from schemas.rejection import Rejection

SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits of every input, checked before memory is allocated.

    Attributes:
        max_pcm_bytes: Largest size of the decoded audio in bytes, as 16-bit samples of all channels.
        min_rate: Lowest sampling rate in Hz.
        max_rate: Highest sampling rate in Hz.
        max_channels: Largest number of channels.
    """

    max_pcm_bytes: int = 64 * 1024 * 1024
    min_rate: int = 8000
    max_rate: int = 48000
    max_channels: int = 2

    def check(self, rate: int, channels: int, frames: int) -> Rejection | None:
        """Check the values of a header, or of the audio decoded so far.

        Args:
            rate: Sampling rate in Hz.
            channels: Number of channels.
            frames: Number of sample frames; 0 if unknown.

        Returns:
            A `Rejection` that names the exceeded limit, or None.
        """
        if not self.min_rate <= rate <= self.max_rate:
            allowed = f"from {self.min_rate} to {self.max_rate} Hz"
            return rejected("UnsupportedRate", f"the sampling rate is {rate} Hz and has to be {allowed}")
        if not 1 <= channels <= self.max_channels:
            allowed = f"from 1 to {self.max_channels}"
            return rejected("UnsupportedChannels", f"the audio has {channels} channels; send {allowed}")
        if frames > self.max_frames(channels):
            allowed = f"at most {self.max_pcm_bytes} bytes as 16-bit samples"
            return rejected("AudioTooLong", f"{frames} frames of {channels} channels are too long; send {allowed}")
        return None

    def max_frames(self, channels: int) -> int:
        """Largest number of sample frames of audio with this number of channels."""
        return self.max_pcm_bytes // (SAMPLE_BYTES * channels)


def rejected(code: str, reason: str, field: str = "value") -> Rejection:
    """Make a rejection of the stage ``decode``."""
    return Rejection(stage="decode", code=code, field=field, reason=reason)
