"""Output formats, by their names on the command line."""

from schemas.media_type import FLAC, MPEG, WAV
from schemas.policy import OPUS, VORBIS

FORMATS = {"flac": FLAC, "opus": OPUS, "vorbis": VORBIS, "mp3": MPEG, "wav": WAV}
