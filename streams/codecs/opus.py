"""OGG/Opus through libopus (PyAV): speech mode, variable bit rate, frames of 60 ms.

Files last as long as their clips, to the sample, in libopus and in FFmpeg's own decoder, which needs some help.

Bit rates are given for narrowband mono (8 kHz) and grow with the bandwidth and the channels of the clip, see
`_WEIGHTS`; the weights follow the bands that Opus codes at each rate and are provisional until measurements calibrate
them. So is the predicted quality, which was measured at 8 kHz only.

Discontinuous transmission is not available: FFmpeg's libopus wrapper has no such option. Silence takes about 2 kbit/s.

Source: RFC 7845. Quality: mean PESQ-NB of 40 telephone prompts at 8 kHz by bit rate, 60 ms frames, complexity 10.
"""

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

from streams.audio import ogg
from streams.audio.clip import Clip
from streams.audio.ogg import OPUS_CLOCK, OPUS_RATES
from streams.codecs.base import Encoded

CONTENT_TYPE = "audio/ogg;codecs=opus"

_FRAME_MS = 60
_FRAME_TICKS = OPUS_CLOCK * _FRAME_MS // 1000
_PRE_SKIP_TICKS = 312  # samples at 48 kHz that libopus looks ahead
_LATE_TICKS = 24  # FFmpeg's own narrowband decoder is late by this many, and miscounts when it has to cut as few

_CHUNK = 1 << 18  # frames handed over at a time: FFmpeg copies what it is given
_FILTER_SAMPLES = 64  # at least what the resampler's filter spans

_WEIGHTS = {8000: 1.0, 12000: 1.25, 16000: 1.5, 24000: 2.0, 48000: 2.5}  # bit rate by bandwidth, relative to 8 kHz
_STEREO = 1.6  # two channels share much of what is said

_BITRATES = (6000, 7000, 8000, 9000, 10000, 12000, 16000, 24000)
_QUALITIES = (3.24, 3.66, 3.93, 4.07, 4.18, 4.32, 4.43, 4.50)


@dataclass(frozen=True, slots=True)
class OpusEncoder:
    """Lossy compression of speech, for all rates and mono or stereo.

    Other rates than 8, 12, 16, 24 and 48 kHz are resampled to the next higher of these; the duration stays the same.

    Attributes:
        bitrate: Bit/s for 8 kHz mono, 6000 to 24000; see the module for other clips.
        complexity: libopus's effort, 0 (fastest) to 10 (best).
    """

    bitrate: int
    complexity: int = 10

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return "opus"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        return f"opus:bitrate={self.bitrate}:complexity={self.complexity}:frame={_FRAME_MS}ms:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        rate = next(known for known in OPUS_RATES if clip.rate <= known)
        samples = clip.samples if rate == clip.rate else _resampled(clip, rate)
        lead = _lead(len(samples), rate)
        padded = np.pad(samples, ((lead, 0), (0, 0)))
        audio = _with_pre_skip(self._encode(padded, rate), lead * OPUS_CLOCK // rate)
        quality = float(np.interp(self.bitrate, _BITRATES, _QUALITIES))
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), round(quality, 2))

    def _encode(self, samples: NDArray[np.int16], rate: int) -> bytes:
        file = io.BytesIO()
        # Without bitexact the muxer draws a random serial number for each file.
        with av.open(file, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
            options = {
                "application": _application(len(samples), rate),
                "frame_duration": str(_FRAME_MS),
                "vbr": "on",
                "compression_level": str(self.complexity),
            }
            stream = container.add_stream("libopus", rate=rate, options=options, layout=_layout(samples))
            stream.bit_rate = round(self.bitrate * _WEIGHTS[rate] * (_STEREO if samples.shape[1] > 1 else 1))
            for start in range(0, len(samples), _CHUNK):
                container.mux(stream.encode(_frame(samples[start : start + _CHUNK], rate, start)))
            container.mux(stream.encode(None))
        return file.getvalue()


@cache
def library() -> str:
    """Names and versions of the encoder and of what drives it."""
    return f"libopus (PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))})"


def _layout(samples: NDArray[np.int16]) -> str:
    return "mono" if samples.shape[1] == 1 else "stereo"


def _frame(samples: NDArray[np.int16], rate: int, start: int = 0) -> av.AudioFrame:
    """Wrap samples of shape (frames, channels), of which the first is number `start` of its clip."""
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=_layout(samples))
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)
    frame.pts = start
    return frame


def _resampled(clip: Clip, rate: int) -> NDArray[np.int16]:
    """Resample to a higher rate; the duration is exact to half a sample, shape (frames, channels)."""
    resampler = av.AudioResampler(format="s16", layout=_layout(clip.samples), rate=rate)
    # The filter keeps back its last few samples, even when flushed: let these be silence.
    padded = np.pad(clip.samples, ((0, _FILTER_SAMPLES), (0, 0)))
    frames = resampler.resample(_frame(padded, clip.rate)) + resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray().reshape(-1, clip.channels) for frame in frames])
    return samples[: round(clip.frames * rate / clip.rate)]


def _application(frames: int, rate: int) -> str:
    """Speech mode, except for clips of a single frame: FFmpeg's decoder returns too little of one in speech mode."""
    return "lowdelay" if _PRE_SKIP_TICKS + frames * OPUS_CLOCK // rate <= _FRAME_TICKS else "voip"


def _lead(frames: int, rate: int) -> int:
    """How many samples of silence to put in front, skipped by every decoder, for FFmpeg's decoder to keep the length.

    It returns too little if it has to cut `_LATE_TICKS` or less from the last frame.
    """
    tick = OPUS_CLOCK // rate
    cut = -(_PRE_SKIP_TICKS + frames * tick) % _FRAME_TICKS
    return cut // tick if cut <= _LATE_TICKS else 0


def _with_pre_skip(audio: bytes, more: int) -> bytes:
    """Let decoders skip `more` samples (at 48 kHz) than libopus asked for."""
    pages = ogg.walk(audio)
    if not isinstance(pages, list):
        raise TypeError(f"FFmpeg wrote an OGG file that is none: {pages.message}")
    first = pages[0]
    at = first.body + ogg.OPUS_SKIP_AT
    skip = struct.unpack_from("<H", audio, at)[0] + more
    page = audio[:at] + struct.pack("<H", skip) + audio[at + 2 : first.end]
    return ogg.sealed(page) + audio[first.end :]
