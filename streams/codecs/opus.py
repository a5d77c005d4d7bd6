"""OGG/Opus through libopus: speech mode, variable bit rate, frames of 60 ms, and silence left out if wanted.

Files last as long as their clips, to the sample, in libopus and in FFmpeg's own decoder, which needs some help.

What else was tried on telephone prompts, by size at the same PESQ: libopus's own packets of 120 ms cost 5 % (packets
of 60 ms, joined here, save 1 %), frames of 40 ms 3 %, a constant bit rate 15 %; the mode for music, constrained bit
rates, the voice hint, and filters in front change nothing. FFmpeg's pages of one second would cost 3 %. Fewer bits for
quieter parts save 2 to 3 %; giving more or less to onsets, hisses or voiced parts saves nothing beyond that.

Source: RFC 6716, RFC 7845.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from streams.audio.clip import Clip
from streams.audio.ogg import OPUS_CLOCK, OPUS_RATES
from streams.codecs import libopus, oggfile
from streams.codecs.base import UNRATED, Encoded
from streams.codecs.oggfile import Packet
from streams.codecs.resample import to_known_rate

CONTENT_TYPE = "audio/ogg;codecs=opus"

_FRAME_MS = 60
_FRAME_TICKS = OPUS_CLOCK * _FRAME_MS // 1000
_SPEECH_DELAY_TICKS = 312  # samples at 48 kHz that libopus looks ahead in speech mode
_LATE_TICKS = 24  # FFmpeg's own narrowband decoder is late by this many, and miscounts when it has to cut as few
_FRAME_COUNT, _ONE_FRAME, _TWO_EQUAL_FRAMES, _TWO_FRAMES = 0b11, 0, 1, 2  # in the first byte of a packet
_NOT_SILK = 0x60  # the first byte of a packet in speech mode is lower
_NARROW_BAND, _WIDE_BAND = 4000, 8000  # Hz; speech mode goes no further
_SHARE_10_DB_DOWN = 0.914  # of the bit rate; the best of those tried, at all bit rates from 7 to 12 kbit/s
_LOWEST_BITRATE = 5000  # bit/s; SILK goes no lower (MIN_TARGET_RATE_BPS)

# Packets of one or two bytes stand for silence that was left out. libopus ignores the second byte, FFmpeg's own decoder
# decodes it: without one, and with most, it squeaks. With this one it is about as quiet as the background.
_IGNORED = b"#"
_LEFT_OUT = 2
_ONE_BYTE_SIZES = 252  # smaller frames tell their size in one byte
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
        shaped = self.shaped and highest <= _NARROW_BAND
        bitrates = _shaped(padded, frame, self.bitrate) if shaped else [self.bitrate] * (len(padded) // frame)
        dtx = self.dtx and highest <= _WIDE_BAND
        settings = libopus.Settings(_application(len(samples), rate), self.effort, self.bandwidth, dtx)
        packets, delay = libopus.encode(padded, rate, bitrates, settings)
        if dtx and not all(map(_is_speech_mode, packets)):
            packets, delay = libopus.encode(padded, rate, bitrates, replace(settings, dtx=False))
        audio = _file(packets, clip.channels, rate, (delay + lead) * tick, len(samples) * tick)
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNRATED)


@cache
def library() -> str:
    """Name and version of the encoder."""
    return libopus.version()


def _shaped(samples: NDArray[np.int16], frame: int, highest: int) -> list[int]:
    """Bit/s of each packet of mono audio: `highest` where its energy is, less where it is quieter.

    Pauses have no energy, and do not change what the rest gets.
    """
    framed = samples.reshape(-1, frame).astype(np.float64)
    power = np.einsum("fs,fs->f", framed, framed) / frame + 1
    decibels = 10 * np.log10(power)
    below = power @ decibels / power.sum() - decibels
    wanted = highest * _SHARE_10_DB_DOWN ** (below / 10)
    return [max(round(bitrate), _LOWEST_BITRATE) for bitrate in wanted.tolist()]


def _file(packets: list[bytes], channels: int, rate: int, skip: int, ticks: int) -> bytes:
    """Put packets into a file.

    Args:
        packets: The audio; those that are not needed are left out.
        channels: Number of channels.
        rate: Rate in Hz that the header names.
        skip: What decoders leave out at the beginning, in samples at 48 kHz.
        ticks: The audio's length, in samples at 48 kHz.
    """
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, skip, rate, 0, 0)
    needed = -(-(skip + ticks) // _FRAME_TICKS)
    packets = [packet + _IGNORED if len(packet) == 1 else packet for packet in packets]
    coded = [Packet(data, number * _FRAME_TICKS) for number, data in enumerate(packets[: needed - 1], 1)]
    last = Packet(packets[needed - 1], skip + ticks)  # stands alone: its length is the file's
    return oggfile.write((head, _NO_TAGS), [*_joined(coded), last])


def _joined(packets: Sequence[Packet]) -> Iterator[Packet]:
    """Join packets of one frame in pairs, which shares a header and a lacing byte (RFC 6716, 3.2.3 and 3.2.4).

    Nothing is joined with silence that was left out: FFmpeg's own decoder would take the next frame's bytes for it.
    """
    waiting: Packet | None = None
    for packet in packets:
        if waiting is None:
            waiting = packet
        elif _can_be_joined(waiting.data, packet.data):
            yield Packet(_pair(waiting.data, packet.data), packet.granule)
            waiting = None
        else:
            yield waiting
            waiting = packet
    if waiting is not None:
        yield waiting


def _is_speech_mode(packet: bytes) -> bool:
    return packet[0] < _NOT_SILK


def _can_be_joined(first: bytes, second: bytes) -> bool:
    one_frame_each = first[0] == second[0] and first[0] & _FRAME_COUNT == _ONE_FRAME
    return one_frame_each and min(len(first), len(second)) > _LEFT_OUT


def _pair(first: bytes, second: bytes) -> bytes:
    """One packet of two frames; both parts begin with the same byte."""
    size = len(first) - 1
    if len(first) == len(second):
        return bytes((first[0] | _TWO_EQUAL_FRAMES,)) + first[1:] + second[1:]
    low = _ONE_BYTE_SIZES + size % 4
    length = bytes((size,)) if size < _ONE_BYTE_SIZES else bytes((low, (size - low) // 4))
    return bytes((first[0] | _TWO_FRAMES,)) + length + first[1:] + second[1:]


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
