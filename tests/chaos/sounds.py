"""Synthetic audio in every media type of the contract, with the samples that a decoder must find.

RejectionSite with numpy, libsndfile and LAME alone: no code of the product takes part in the judgement.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import lameenc
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.int16]

#: The content type of each kind of input; rate and channels are added to raw ones.
KINDS = (
    "audio/L16",
    "audio/x-slin",
    "audio/PCMU",
    "audio/PCMA",
    "audio/wav",
    "audio/flac",
    "audio/ogg",
    "audio/ogg;codecs=opus",
    "audio/mpeg",
    "audio/GSM",
)
_RAW = KINDS[:4]
_LOSSY = KINDS[6:]
#: Lengths in seconds of guests' and agents' audio, and of prompts. Lengths of prompts differ, so that a cached file
#: identifies its prompt.
_SPOKEN = (0.1, 0.4, 1.0, 2.3)
_PROMPTS = (0.53, 0.71, 0.97, 1.31, 1.57, 1.93)
_PROMPT_KINDS = ("audio/L16", "audio/PCMU", "audio/wav", "audio/flac")
#: Hz, channels, seconds and kind of the large ones: 1, 2 and 4 MiB.
_LARGE = ((16_000, 1, 32.7, "audio/x-slin"), (44_100, 1, 23.7, "audio/wav"), (48_000, 2, 21.8, "audio/L16"))
#: A raw input of 200 bytes.
_TINY = (("audio/L16", 100 / 8000), ("audio/PCMU", 200 / 8000))
_TIMES = 98
_CHUNK = 1 << 16  # libsndfile overflows its stack on long Vorbis writes
_SYLLABLE_S = 0.17
_VIBRATO_HZ = 9.0
_HARMONICS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A valid piece of audio, compared by identity.

    Attributes:
        content_type: The content type it is sent with.
        audio: Its bytes.
        pcm: Its samples as libsndfile decodes them, shape (frames, channels).
        rate: Sampling rate in Hz.
    """

    content_type: str
    audio: bytes
    pcm: Samples
    rate: int

    @property
    def kind(self) -> str:
        """The media type without parameters."""
        return self.content_type.partition(";")[0]

    @property
    def is_exact(self) -> bool:
        """Whether all decoders give identical samples."""
        return self.content_type not in _LOSSY

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / self.rate


@cache
def spoken() -> tuple[Sample, ...]:
    """Guests' and agents' audio: every media type in several lengths."""
    made = [sample(seconds, kind, seed=number) for number, kind in enumerate(KINDS) for seconds in _SPOKEN]
    return (*made, *(sample(seconds, kind, seed=50 + n) for n, (kind, seconds) in enumerate(_TINY)))


@cache
def large() -> tuple[Sample, ...]:
    """A few inputs of up to 4 MiB."""
    return tuple(
        sample(seconds, kind, rate=rate, channels=channels, seed=70 + number)
        for number, (rate, channels, seconds, kind) in enumerate(_LARGE)
    )


@cache
def repetitive() -> Sample:
    """An input of 1.5 MiB that compresses to a hundredth in a batch."""
    second = sample(1.0, "audio/L16", seed=80)
    return Sample(second.content_type, second.audio * _TIMES, np.tile(second.pcm, (_TIMES, 1)), second.rate)


@cache
def prompts() -> tuple[Sample, ...]:
    """The hotel's prompts."""
    return tuple(
        sample(seconds, _PROMPT_KINDS[n % len(_PROMPT_KINDS)], seed=90 + n) for n, seconds in enumerate(_PROMPTS)
    )


def sample(seconds: float, kind: str, *, rate: int = 8000, channels: int = 1, seed: int = 0) -> Sample:
    """Make one sample.

    Args:
        seconds: Its length.
        kind: One of `KINDS`.
        rate: Sampling rate in Hz.
        channels: 1 or 2.
        seed: Determines the speaker.
    """
    frames = max(1, round(seconds * rate))
    voices = [_voice(frames, rate, np.random.default_rng([seed, channel])) for channel in range(channels)]
    said = np.stack(voices, axis=1)
    audio = _WRITERS[kind](said, rate)
    if kind in _RAW:
        return Sample(f"{kind};rate={rate};channels={channels}", audio, _raw_pcm(kind, audio, said), rate)
    if kind == "audio/GSM":
        return Sample(kind, audio, _headerless_pcm("GSM610", audio), rate)
    pcm, found = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    return Sample(kind, audio, pcm, found)


def _voice(frames: int, rate: int, random: np.random.Generator) -> Samples:
    """One speaker: a gliding pitch with harmonics, loud and soft syllables, pauses, and a little noise."""
    at = np.arange(frames) / rate / _SYLLABLE_S
    syllables = np.arange(int(at[-1]) + 2)
    levels = random.choice([0.02, 0.3, 1.0], len(syllables), p=[0.3, 0.3, 0.4])
    levels[0] = 1.0  # the shortest is not silent either
    pitches, formants = random.uniform(100, 220, len(syllables)), random.uniform(300, 900, len(syllables))
    pitch = np.interp(at, syllables, pitches)
    pitch *= 1 + 0.04 * np.sin(2 * np.pi * _VIBRATO_HZ * _SYLLABLE_S * at)  # no steady tone, as of a modem
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voiced = np.zeros(frames)
    for harmonic in range(1, _HARMONICS + 1):
        gains = np.exp(-(((harmonic * pitches - formants) / 400) ** 2)) + 0.15
        voiced += np.interp(at, syllables, levels * gains) * np.sin(harmonic * phase)
    heard = 2500 * voiced + 8 * random.standard_normal(frames)
    samples: Samples = np.clip(np.rint(heard), -32768, 32767).astype(np.int16)
    return samples


def _file(container: str, subtype: str) -> Callable[[Samples, int], bytes]:
    def write(samples: Samples, rate: int) -> bytes:
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", rate, samples.shape[1], subtype, format=container) as sound:
            for start in range(0, len(samples), _CHUNK):
                sound.write(samples[start : start + _CHUNK])
        return file.getvalue()

    return write


def _mp3(samples: Samples, rate: int) -> bytes:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_bit_rate(32)
    encoder.set_in_sample_rate(rate)
    encoder.set_out_sample_rate(rate)
    encoder.set_channels(samples.shape[1])
    return bytes(encoder.encode(samples.tobytes()) + encoder.flush())


def _raw_pcm(kind: str, audio: bytes, said: Samples) -> Samples:
    law = {"audio/PCMU": "ULAW", "audio/PCMA": "ALAW"}.get(kind)
    return said if law is None else _headerless_pcm(law, audio)


def _headerless_pcm(subtype: str, audio: bytes) -> Samples:
    pcm, _ = soundfile.read(
        io.BytesIO(audio), samplerate=8000, channels=1, format="RAW", subtype=subtype, dtype="int16", always_2d=True
    )
    decoded: Samples = pcm
    return decoded


_WRITERS: dict[str, Callable[[Samples, int], bytes]] = {
    "audio/L16": lambda samples, _rate: samples.astype(">i2").tobytes(),
    "audio/x-slin": lambda samples, _rate: samples.astype("<i2").tobytes(),
    "audio/PCMU": _file("RAW", "ULAW"),
    "audio/PCMA": _file("RAW", "ALAW"),
    "audio/wav": _file("WAV", "PCM_16"),
    "audio/flac": _file("FLAC", "PCM_16"),
    "audio/ogg": _file("OGG", "VORBIS"),
    "audio/ogg;codecs=opus": _file("OGG", "OPUS"),
    "audio/mpeg": _mp3,
    "audio/GSM": _file("RAW", "GSM610"),
}
