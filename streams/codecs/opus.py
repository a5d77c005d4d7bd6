"""OGG/Opus encoder: libopus in speech mode, variable bit rate, frames of 60 ms, optionally without silence.

Decoded files have exactly the length of the clip, in libopus and in FFmpeg's own decoder, for which the last packet has
to end with the clip (see `lead_of`). Files of consecutive segments fit together (see `extended`).

Measured on telephone prompts, by size at the same PESQ: libopus's own packets of 120 ms cost 5 %, frames of 40 ms 3 %,
a constant bit rate 15 %; the mode for music, constrained bit rates, the voice hint, and filtering beforehand change
nothing. Fewer bits for quieter parts save 2 to 3 %; more or fewer bits for onsets, fricatives or voiced parts save
nothing beyond that. Two frames in each packet would save 0.7 %, but FFmpeg's own decoder then gets every eighth frame
wrong.

Source: RFC 6716, RFC 7845.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.audio.clip import Clip
from streams.audio.containers.ogg_head import OPUS_CLOCK, OPUS_RATES
from streams.audio.resample import to_known_rate
from streams.codecs import libopus, opus_file
from streams.codecs.base import UNKNOWN_QUALITY, Encoded
from streams.codecs.opus_file import PACKET_MS, PACKET_TICKS
from streams.native import ffi, lib

CONTENT_TYPE = "audio/ogg;codecs=opus"

_DELAY_TICKS = 312  # libopus's look-ahead in speech mode, in samples at 48 kHz
_LEAD_MS = (
    20  # of the extrapolated signal before the clip, at least, in which it fades in; with less, steps are audible
)
_ORDER_MS, _KNOWN_PER_ORDER = 16, 10  # a predictor with fewer coefficients does not follow a hum of 50 Hz
_NARROW_BAND, _WIDE_BAND = 4000, 8000  # Hz; the highest of speech mode
_SHARE_10_DB_DOWN = 0.914  # of the bit rate, for parts 10 dB quieter; the best value at all bit rates, 7 to 12 kbit/s
_LOWEST_BITRATE = 5000  # bit/s; SILK's minimum (MIN_TARGET_RATE_BPS)

_FULL_SCALE = 32_767


class Section(NamedTuple):
    """A part of a clip with a bit rate of its own.

    Attributes:
        start_ms: Where it begins, in milliseconds.
        end_ms: Where it ends.
        bitrate: Bit/s, all channels together.
    """

    start_ms: int
    end_ms: int
    bitrate: int


@dataclass(frozen=True, slots=True)
class OpusEncoder:
    """Lossy compression of speech, for all rates and mono or stereo.

    Other rates than 8, 12, 16, 24 and 48 kHz are resampled to the next higher one; the duration stays the same.

    Attributes:
        bitrate: Target bit rate in bit/s, all channels together, 6000 and more; if `shaped`, of the loudest parts.
        effort: libopus's complexity, 0 (fastest) to 10 (best).
        dtx: Whether silence is omitted (discontinuous transmission); players replace it by faint noise. Ignored for
            stereo and bandwidths above 8 kHz, where FFmpeg's own decoder replaces it by loud noise.
        bandwidth: Highest coded frequency in Hz; half the sampling rate if that is less.
        shaped: Whether quieter parts get a lower bit rate: for speech, where this is less audible. Ignored for stereo
            and bandwidths above 4 kHz, where libopus would mix channels and drop frequencies in quieter parts.
        gain_db: Amplification before coding, which players take back (the header's output gain): libopus codes audio
            below -30 dBFS badly. Samples beyond full scale are clipped.
        sections: Parts that get more bits than the rest, such as music within speech.
    """

    bitrate: int
    effort: int = 10
    dtx: bool = False
    bandwidth: int = 24_000
    shaped: bool = False
    gain_db: int = 0
    sections: tuple[Section, ...] = ()

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return "opus"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        parameters = f"bitrate={self.bitrate}:effort={self.effort}:dtx={self.dtx:d}:bandwidth={self.bandwidth}"
        sections = ",".join(f"{part.start_ms}-{part.end_ms}={part.bitrate}" for part in self.sections)
        more = f"shaped={self.shaped:d}:gain={self.gain_db}dB:sections={sections}"
        return f"opus:{parameters}:{more}:packet={PACKET_MS}ms:page=1s:lead={_LEAD_MS}ms:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        samples, rate = to_known_rate(clip, OPUS_RATES)
        packets, skip = self.packets(samples, rate)
        audio = opus_file.written([packets], clip.channels, rate, skip, len(samples), gain_db=self.gain_db)
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNKNOWN_QUALITY)

    def packets(
        self, samples: NDArray[np.int16], rate: int, *, narrow: bool | None = None
    ) -> tuple[libopus.Packets, int]:
        """Encode samples as packets of 60 ms.

        Args:
            samples: Signed 16-bit samples, shape (frames, channels), C-contiguous.
            rate: One of `OPUS_RATES`, in Hz.
            narrow: See `libopus.Settings`.

        Returns:
            The packets, and the number of samples that decoders must skip at the beginning. Both numbers depend only on
            the number of samples and their rate.
        """
        lead = lead_of(len(samples), rate)
        padded = extended(amplified(samples, self.gain_db), lead, tail_of(rate), rate)
        return self.coded(padded, rate, Place(lead=lead), narrow=narrow)

    def coded(
        self, padded: NDArray[np.int16], rate: int, place: "Place", *, narrow: bool | None = None
    ) -> tuple[libopus.Packets, int]:
        """Encode a whole number of packets.

        Args:
            padded: The samples of all packets, shape (frames, channels), C-contiguous.
            rate: One of `OPUS_RATES`, in Hz.
            place: Where they are in the audio.
            narrow: See `libopus.Settings`.

        Returns:
            The packets, and the number of samples that decoders must skip at the beginning of the audio.
        """
        frame = packet_frames(rate)
        highest = min(self.bandwidth, rate // 2) if padded.shape[1] == 1 else rate
        if self.shaped and highest <= _NARROW_BAND:
            bitrates = _shaped(padded, frame, self.bitrate, place.loudness_db)
        else:
            bitrates = np.full(len(padded) // frame, self.bitrate, np.int32)
        for part in self.sections:
            first, last = (_packet(ms, place.lead, rate) - place.packet for ms in (part.start_ms, part.end_ms))
            packets_of = slice(max(first, 0), max(last + 1, 0))
            bitrates[packets_of] = np.maximum(bitrates[packets_of], part.bitrate)
        dtx = self.dtx and highest <= _WIDE_BAND
        settings = libopus.Settings(self.effort, self.bandwidth, dtx, narrow)
        packets, delay = libopus.encode(padded, rate, bitrates, settings)
        if dtx and not packets.all_speech:
            packets, delay = libopus.encode(padded, rate, bitrates, replace(settings, dtx=False))
        return packets, delay + place.lead


@dataclass(frozen=True, slots=True)
class Place:
    """Where packets are in the audio.

    Attributes:
        lead: Samples that decoders skip at the beginning, besides the codec's delay.
        packet: Number of packets before them.
        loudness_db: See `loudness`; None for that of the packets themselves.
    """

    lead: int
    packet: int = 0
    loudness_db: float | None = None


@cache
def library() -> str:
    """Name and version of the encoder."""
    return libopus.version()


def amplified(samples: NDArray[np.int16], gain_db: int) -> NDArray[np.int16]:
    """Amplify by a number of decibels."""
    if not gain_db:
        return samples
    louder = np.rint(samples * np.float32(10 ** (gain_db / 20)))
    limited: NDArray[np.int16] = np.clip(louder, -_FULL_SCALE - 1, _FULL_SCALE).astype(np.int16)
    return limited


def _packet(ms: int, lead: int, rate: int) -> int:
    """The packet in which a moment of the clip is coded; the encoder's delay puts some of it into the next one."""
    return (lead + ms * rate // 1000) // packet_frames(rate)


def loudness(samples: NDArray[np.int16], rate: int) -> tuple[float, float]:
    """The level of mono audio in packets of 60 ms, weighted by their energy: the weighted sum, and the weights' sum.

    The sums of several parts can be added. Their quotient is in decibels over one step of 16 bits.

    Args:
        samples: Signed 16-bit samples, shape (frames,), contiguous.
        rate: Sampling rate in Hz.
    """
    power, decibels = _levels(samples, packet_frames(rate))
    return float(power @ decibels), float(power.sum())


def _levels(samples: NDArray[np.int16], frame: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean square of each packet of mono audio, and the same in decibels."""
    power = np.empty(len(samples) // frame)
    lib.mean_squares(ffi.from_buffer("int16_t[]", samples), frame, len(power), ffi.from_buffer("double[]", power))
    power += 1
    return power, 10 * np.log10(power)


def _shaped(samples: NDArray[np.int16], frame: int, highest: int, reference: float | None) -> NDArray[np.int32]:
    """Bit rate of each packet of mono audio in bit/s: `highest` for the loud parts, less for quieter ones.

    The reference level, if it is not given, is that of these packets. It is weighted by energy, so that pauses do not
    change the bit rate of other packets.
    """
    power, decibels = _levels(samples, frame)
    below = (power @ decibels / power.sum() if reference is None else reference) - decibels
    target = highest * _SHARE_10_DB_DOWN ** (below / 10)
    bitrates: NDArray[np.int32] = np.rint(np.maximum(target, _LOWEST_BITRATE)).astype(np.int32)
    return bitrates


def packet_frames(rate: int) -> int:
    """Samples of each channel in a packet."""
    return rate * PACKET_MS // 1000


def tail_of(rate: int) -> int:
    """Number of samples after the audio that the encoder needs, as it looks ahead."""
    return _DELAY_TICKS * rate // OPUS_CLOCK


def lead_of(frames: int, rate: int) -> int:
    """Number of samples before the clip, which decoders skip: so many that the last packet ends with the clip.

    FFmpeg's own decoder, if it has to remove samples at the end, removes the wrong ones, or too many. It also returns
    too few of a single packet.
    """
    tick = OPUS_CLOCK // rate
    ticks = frames * tick + _DELAY_TICKS
    packets = max(2, -(-(OPUS_CLOCK * _LEAD_MS // 1000 + ticks) // PACKET_TICKS))
    return (packets * PACKET_TICKS - ticks) // tick


def extended(samples: NDArray[np.int16], lead: int, tail: int, rate: int) -> NDArray[np.int16]:
    """Continue the audio at both ends as it would probably go on, so that results of consecutive clips fit together.

    With silence there instead, the codec begins and ends with a step. It also codes what it has not heard before badly,
    which the skipped samples hide.

    Args:
        samples: The audio, shape (frames, channels).
        lead: Number of samples before it; 0 where it is not the beginning.
        tail: Number of samples after it.
        rate: Sampling rate in Hz.
    """
    frames, channels = samples.shape
    extended = np.zeros((lead + frames + tail, channels), np.int16)
    extended[lead : lead + frames] = samples
    known = min(frames, _KNOWN_PER_ORDER * min(rate * _ORDER_MS // 1000, lib.HIGHEST_ORDER))
    order = known // _KNOWN_PER_ORDER
    edges = ffi.from_buffer("int16_t[]", extended)
    for channel in range(channels):
        first, last = lead * channels + channel, (lead + frames - 1) * channels + channel
        lib.extrapolate(edges + first, channels, known, order, lead)
        lib.extrapolate(edges + last, -channels, known, order, tail)
    fade = rate * _LEAD_MS // 1000 if lead else 0
    rising = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    extended[:fade] = np.rint(extended[:fade] * rising[:, None])
    return extended
