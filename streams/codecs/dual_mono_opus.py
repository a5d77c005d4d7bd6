"""OGG/Opus encoder for two channels that have little in common, such as the two sides of a call.

A file has two mono streams (mapping family 1, no coupling). Where both sides talk at once, one coupled stream needs far
more bits for the same quality of each side.

FFmpeg's own decoder damages files in which one side is narrow-band speech and the other is not: then both are coded as
that at 8 kHz, and neither at higher rates.

Source: RFC 6716, appendix B; RFC 7845, section 5.1.1.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.audio.clip import Clip
from streams.audio.containers.ogg_head import OPUS_RATES
from streams.audio.resample import to_known_rate
from streams.codecs import libopus, opus, opus_file
from streams.codecs.base import UNKNOWN_QUALITY, Encoded
from streams.codecs.opus import OpusEncoder

_NARROW_RATE = 8000  # Hz; there is no other speech at this rate


@dataclass(frozen=True, slots=True)
class DualMonoOpusEncoder:
    """Lossy compression of two channels, each coded independently with its own settings.

    Attributes:
        left: Encoder of the first channel, as if it were a mono clip.
        right: Encoder of the second channel, with the same `gain_db`: a file has one for all channels.
    """

    left: OpusEncoder
    right: OpusEncoder

    @property
    def bitrate(self) -> int:
        """Target bit rate of both channels together, in bit/s."""
        return self.left.bitrate + self.right.bitrate

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return self.left.codec

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        return f"two mono streams:{self.left.profile}:{self.right.profile}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`.

        Raises:
            ValueError: If the clip does not have two channels, or the encoders have different gains.
        """
        if self.left.gain_db != self.right.gain_db:
            raise ValueError(f"the sides have different gains: {self.left.gain_db} and {self.right.gain_db} dB")
        if clip.channels != 2:  # noqa: PLR2004 - one for each side
            raise ValueError(f"dual mono needs two channels, and the clip has {clip.channels}")
        samples, rate = to_known_rate(clip, OPUS_RATES)
        lead = opus.lead_of(len(samples), rate)
        louder = opus.amplified(samples, self.left.gain_db)
        place = opus.Place(lead)
        left, right, skip = self.coded(opus.extended(louder, lead, opus.tail_of(rate), rate), rate, (place, place))
        audio = opus_file.written([left, right], clip.channels, rate, skip, len(samples), gain_db=self.left.gain_db)
        return Encoded(audio, opus.CONTENT_TYPE, self.codec, opus.library(), UNKNOWN_QUALITY)

    def coded(
        self, padded: NDArray[np.int16], rate: int, places: Sequence[opus.Place]
    ) -> tuple[libopus.Packets, libopus.Packets, int]:
        """Encode a whole number of packets.

        Args:
            padded: The amplified samples of all packets, shape (frames, 2).
            rate: One of `OPUS_RATES`, in Hz.
            places: Where they are in the audio, for each side.

        Returns:
            The packets of both sides, as many of each, and the number of samples that decoders must skip at the
            beginning of the audio, which is the same for both.
        """
        sides = [
            (encoder, np.ascontiguousarray(padded[:, number, None]), place)
            for number, (encoder, place) in enumerate(zip((self.left, self.right), places, strict=True))
        ]
        (left, skip), (right, _) = coded = [encoder.coded(side, rate, place) for encoder, side, place in sides]
        if len(left.narrow | right.narrow) > 1:
            narrow = rate == _NARROW_RATE
            left, right = (
                packets if packets.narrow == {narrow} else encoder.coded(side, rate, place, narrow=narrow)[0]
                for (packets, _), (encoder, side, place) in zip(coded, sides, strict=True)
            )
        return left, right, skip
