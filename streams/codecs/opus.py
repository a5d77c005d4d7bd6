"""OGG/Opus through libopus: speech mode, variable bit rate, frames of 60 ms, and silence left out if wanted.

Files last as long as their clips, to the sample, in libopus and in FFmpeg's own decoder, which needs some help.

What else was tried on telephone prompts, by size at the same PESQ: libopus's own packets of 120 ms cost 5 % (packets
of 60 ms, joined here, save 1 %), frames of 40 ms 3 %, a constant bit rate 15 %; the mode for music, constrained bit
rates, the voice hint, and filters in front change nothing. FFmpeg's pages of one second would cost 3 %. Fewer bits for
quieter parts save 2 to 3 %; giving more or less to onsets, hisses or voiced parts saves nothing beyond that.

Source: RFC 6716, RFC 7845.
"""

import struct
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from streams.audio.clip import Clip
from streams.audio.containers.ogg import OPUS_CLOCK, OPUS_RATES
from streams.codecs import libopus, oggfile
from streams.codecs.base import UNRATED, Encoded
from streams.codecs.resample import to_known_rate
from streams.native import ffi, lib

CONTENT_TYPE = "audio/ogg;codecs=opus"

_FRAME_MS = 60
_FRAME_TICKS = OPUS_CLOCK * _FRAME_MS // 1000
_SPEECH_DELAY_TICKS = 312  # samples at 48 kHz that libopus looks ahead in speech mode
_LATE_TICKS = 24  # FFmpeg's own narrowband decoder is late by this many, and miscounts when it has to cut as few
_NARROW_BAND, _WIDE_BAND = 4000, 8000  # Hz; speech mode goes no further
_SHARE_10_DB_DOWN = 0.914  # of the bit rate; the best of those tried, at all bit rates from 7 to 12 kbit/s
_LOWEST_BITRATE = 5000  # bit/s; SILK goes no lower (MIN_TARGET_RATE_BPS)

_NO_TAGS = b"OpusTags" + bytes(8)  # no vendor, no comments


@dataclass(frozen=True, slots=True)
class OpusEncoder:
    """Lossy compression of speech, for all rates and mono or stereo.

    Other rates than 8, 12, 16, 24 and 48 kHz are resampled to the next higher of these; the duration stays the same.

    Attributes:
        bitrate: Bit/s to aim at, all channels together, 6000 and more; where it is shaped, that of the loudest parts.
        effort: libopus's complexity, 0 (fastest) to 10 (best).
        dtx: Whether silence is left out (discontinuous transmission): players fill it with faint noise. Of no effect
            on stereo and on bandwidths above 8 kHz, where FFmpeg's own decoder fills it with loud noise.
        bandwidth: Highest frequency to code, in Hz; half the rate if that is less.
        shaped: Whether quieter parts get a lower bit rate: for speech, which hides more there. Of no effect on stereo
            and on bandwidths above 4 kHz, where libopus would mix channels and drop frequencies in quieter parts.
    """

    bitrate: int
    effort: int = 10
    dtx: bool = False
    bandwidth: int = 24_000
    shaped: bool = False

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return "opus"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        parameters = f"bitrate={self.bitrate}:effort={self.effort}:dtx={self.dtx:d}:bandwidth={self.bandwidth}"
        return f"opus:{parameters}:shaped={self.shaped:d}:frame={_FRAME_MS}ms:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        samples, rate = to_known_rate(clip, OPUS_RATES)
        tick = OPUS_CLOCK // rate
        lead = _lead(len(samples), rate)
        delay = _SPEECH_DELAY_TICKS // tick
        frame = rate * _FRAME_MS // 1000
        padded = np.zeros((-(-(lead + len(samples) + delay) // frame) * frame, clip.channels), np.int16)
        padded[lead : lead + len(samples)] = samples
        highest = min(self.bandwidth, rate // 2) if clip.channels == 1 else rate
        if self.shaped and highest <= _NARROW_BAND:
            bitrates = _shaped(padded, frame, self.bitrate)
        else:
            bitrates = np.full(len(padded) // frame, self.bitrate, np.int32)
        dtx = self.dtx and highest <= _WIDE_BAND
        settings = libopus.Settings(_application(len(samples), rate), self.effort, self.bandwidth, dtx)
        packets, delay = libopus.encode(padded, rate, bitrates, settings)
        if dtx and not packets.all_speech:
            packets, delay = libopus.encode(padded, rate, bitrates, replace(settings, dtx=False))
        audio = _file(packets, clip.channels, rate, (delay + lead) * tick, len(samples) * tick)
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNRATED)


@cache
def library() -> str:
    """Name and version of the encoder."""
    return libopus.version()


def _shaped(samples: NDArray[np.int16], frame: int, highest: int) -> NDArray[np.int32]:
    """Bit/s of each packet of mono audio: `highest` where its energy is, less where it is quieter.

    Pauses have no energy, and do not change what the rest gets.
    """
    power = np.empty(len(samples) // frame)
    lib.mean_squares(ffi.from_buffer("int16_t[]", samples), frame, len(power), ffi.from_buffer("double[]", power))
    power += 1
    decibels = 10 * np.log10(power)
    below = power @ decibels / power.sum() - decibels
    wanted = highest * _SHARE_10_DB_DOWN ** (below / 10)
    bitrates: NDArray[np.int32] = np.rint(np.maximum(wanted, _LOWEST_BITRATE)).astype(np.int32)
    return bitrates


def _file(packets: libopus.Packets, channels: int, rate: int, skip: int, ticks: int) -> bytes:
    """Put packets into a file.

    Args:
        packets: The audio; those that are not needed are left out.
        channels: Number of channels.
        rate: Rate in Hz that the header names.
        skip: What decoders leave out at the beginning, in samples at 48 kHz.
        ticks: The audio's length, in samples at 48 kHz.
    """
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, skip, rate, 0, 0)
    bodies, ends = libopus.joined(packets, -(-(skip + ticks) // _FRAME_TICKS))
    granules = [end * _FRAME_TICKS for end in ends[:-1]]
    return oggfile.write((head, _NO_TAGS), bodies, [*granules, skip + ticks])  # the last one's length is the file's


def _application(frames: int, rate: int) -> int:
    """Speech mode, except for clips of a single frame: FFmpeg's decoder returns too little of one in speech mode."""
    single = _SPEECH_DELAY_TICKS + frames * OPUS_CLOCK // rate <= _FRAME_TICKS
    return libopus.LOW_DELAY if single else libopus.VOIP


def _lead(frames: int, rate: int) -> int:
    """How many samples of silence to put in front, skipped by every decoder, for FFmpeg's decoder to keep the length.

    It returns too little if it has to cut `_LATE_TICKS` or less from the last frame.
    """
    tick = OPUS_CLOCK // rate
    cut = -(_SPEECH_DELAY_TICKS + frames * tick) % _FRAME_TICKS
    return cut // tick if cut <= _LATE_TICKS else 0
