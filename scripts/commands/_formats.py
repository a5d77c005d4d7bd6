"""The formats that a user can ask for, by the names that are written on a command line."""

from schemas.media_type import FLAC, MPEG, WAV
from schemas.policy import OPUS, VORBIS

FORMATS = {"flac": FLAC, "opus": OPUS, "vorbis": VORBIS, "mp3": MPEG, "wav": WAV}
