"""Small files of every format, to be decoded before a process is confined: libraries load and allocate on first use."""

import io
from collections.abc import Iterator

import numpy as np
import soundfile

from schemas import MediaType
from schemas import media_type as types

_RATE = 8000
_SAMPLES = np.random.default_rng(1).integers(-3000, 3000, 1600).astype(np.int16)
#: Media type, and container and subtype as libsndfile names them.
_FILES = (
    (types.WAV, "WAV", "PCM_16"),
    (types.WAV, "WAV", "PCM_24"),
    (types.WAV, "WAV", "FLOAT"),
    (types.WAV, "WAV", "ULAW"),
    (types.WAV, "WAV", "GSM610"),
    (types.FLAC, "FLAC", "PCM_16"),
    (types.OGG, "OGG", "VORBIS"),
    (types.OGG, "OGG", "OPUS"),
    (types.MPEG, "MP3", "MPEG_LAYER_III"),
)
_GSM_FRAME = b"\xd0" + bytes(32)


def files() -> Iterator[tuple[bytes, MediaType]]:
    """A file of a fifth of a second for each decoder, each also damaged, and GSM with a wrong label."""
    for name, container, subtype in _FILES:
        file = io.BytesIO()
        soundfile.write(file, _SAMPLES, _RATE, format=container, subtype=subtype)
        yield file.getvalue(), MediaType(name)
        yield file.getvalue()[:100], MediaType(name)
    yield _GSM_FRAME * 20, MediaType(types.GSM)
    yield _GSM_FRAME * 20, MediaType(types.WAV)  # the median of what is examined needs a further module of numpy
    yield _SAMPLES.tobytes(), MediaType(types.G722)
