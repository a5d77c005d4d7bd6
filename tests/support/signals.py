"""Synthetic call audio, and inputs of every media type made from it.

``speech(2.0)`` has the measurable properties of speech: voiced harmonics under moving formants, noisy consonants,
syllables and pauses. The same arguments give the same samples.
"""

import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas import media_type as types
from schemas.media_type import MediaType
from streams.audio import g711
from streams.audio.clip import Clip, SourceFormat
from streams.codecs.opus import OpusEncoder
from streams.codecs.wav import pcm_file

MEDIA_TYPES = (
    "audio/L16;rate=8000;channels=1",
    "audio/x-slin;rate=8000;channels=1",
    "audio/PCMU",
    "audio/PCMA",
    "audio/wav",
    "audio/flac",
    "audio/ogg",
    "audio/ogg;codecs=opus",
    "audio/mpeg",
)
"""One content type for each kind of input, true for mono clips at 8 kHz; files are true for every clip."""

_RAW = SourceFormat("raw", "pcm")
_CHUNK = 1 << 16  # libsndfile overflows its stack on long Vorbis writes


def speech(seconds: float, rate: int = 8000, channels: int = 1, seed: int = 0) -> Clip:
    """Make a clip that is like speech.

    Args:
        seconds: Length; at least one sample is made.
        rate: Sampling rate in Hz.
        channels: 1, or 2 with different speakers.
        seed: Another number, another speaker.
    """
    frames = max(1, round(seconds * rate))
    voices = [_voice(frames, rate, np.random.default_rng([seed, channel])) for channel in range(channels)]
    return clip_of(np.stack(voices, axis=1), rate)


def clip_of(samples: NDArray[np.int16], rate: int = 8000) -> Clip:
    """Wrap samples, shape (frames,) or (frames, channels), as a clip whose source format is raw linear audio."""
    return Clip.of(samples, rate, _RAW)


def media_type_of(content_type: str) -> MediaType:
    """The media type of a right content type."""
    parsed = MediaType.parse(content_type)
    assert isinstance(parsed, MediaType), parsed.message
    return parsed


def encode_as(clip: Clip, media_type_text: str) -> bytes:
    """Make a valid input of a media type from a clip.

    Args:
        clip: The audio. Lossy types need a rate that they have (MP3: 8, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48 kHz).
        media_type_text: A content type such as those in `MEDIA_TYPES`; the rate and channels of a raw type have to be
            the clip's own. ``audio/ogg`` gives Vorbis, and Opus with ``codecs=opus``; parameters of
            ``audio/mpeg`` are FFmpeg's options of LAME.
    """
    media_type = media_type_of(media_type_text)
    if media_type.is_raw:
        assert (media_type.rate, media_type.channels) == (clip.rate, clip.channels)
    if media_type.type == types.OGG and ("codecs", "opus") in media_type.parameters:
        return OpusEncoder(bitrate=24_000).encode(clip).audio
    if media_type.type == types.MPEG:
        return _mp3(clip, dict(media_type.parameters))
    return _WRITERS[media_type.type](clip)


def write_sound(samples: NDArray[np.generic], rate: int, container: str, subtype: str) -> bytes:
    """Write a file with libsndfile, with its names of formats, such as ``WAV`` and ``PCM_24``."""
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(file, "w", rate, channels, subtype, format=container) as sound:
        for start in range(0, len(samples), _CHUNK):
            sound.write(samples[start : start + _CHUNK])
    return file.getvalue()


def _mp3(clip: Clip, options: dict[str, str]) -> bytes:
    layout = "mono" if clip.channels == 1 else "stereo"
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=clip.rate, layout=layout, options=options)
        stream.bit_rate = 32_000 * clip.channels
        planes = clip.samples.T.copy()
        frame = av.AudioFrame.from_ndarray(planes, format="s16p", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = clip.rate, Fraction(1, clip.rate), 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


_WRITERS: dict[str, Callable[[Clip], bytes]] = {
    types.L16: lambda clip: clip.samples.astype(">i2").tobytes(),
    types.SLIN: lambda clip: clip.samples.astype("<i2").tobytes(),
    types.PCMU: lambda clip: g711.encode(clip.samples, "pcmu").tobytes(),
    types.PCMA: lambda clip: g711.encode(clip.samples, "pcma").tobytes(),
    types.WAV: lambda clip: pcm_file(clip.samples.astype("<i2").tobytes(), clip.rate, clip.channels),
    types.FLAC: lambda clip: write_sound(clip.samples, clip.rate, "FLAC", "PCM_16"),
    types.OGG: lambda clip: write_sound(clip.samples, clip.rate, "OGG", "VORBIS"),
}


def _voice(frames: int, rate: int, random: np.random.Generator) -> NDArray[np.int16]:
    """One speaker: syllables of 180 ms, of which some are pauses and some begin with a consonant."""
    time = np.arange(frames) / rate
    syllables = int(frames / rate / 0.18) + 2
    at = time / 0.18
    loud = _between(at, random.choice([0.0, 0.5, 1.0], syllables, p=[0.25, 0.35, 0.4]))
    pitch = _between(at, random.uniform(90, 240) * random.uniform(0.85, 1.15, syllables))
    formants = [_between(at, random.uniform(low, high, syllables)) for low, high in ((250, 850), (900, 2400))]
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voiced = np.zeros(frames)
    for harmonic in range(1, int(min(rate / 2, 8000) / 280)):
        frequency = harmonic * pitch
        gain = sum(np.exp(-(((frequency - centre) / 180) ** 2)) for centre in formants) + 0.03
        voiced += gain * np.sin(harmonic * phase)
    consonant = _between(at, random.choice([0.0, 0.0, 0.25], syllables))
    noise = random.standard_normal(frames)
    signal = loud * voiced * 3000 + (consonant * loud * 2500 + 6) * noise
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


def _between(at: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move from value to value in time."""
    return np.interp(at, np.arange(len(values)), values)
