"""Where programs are not held to the exact length and position, and why.

Files of reference encoders (flac, opusenc, oggenc, LAME) come out in the same way; opusenc's have a shorter pre-skip.
"""

from scripts.benchmarks.players.heard import Tolerance
from scripts.benchmarks.players.samples import FORMATS

_DEFAULT = Tolerance()
_WAV = FORMATS[:3]
_OPUS = ("Opus", "Opus, dual mono")
_DELAY = "counts the samples that LAME adds at both ends, which decoders remove"
_PRE_SKIP = "counts the pre-skip of up to 0.12 s, which decoders remove"
_VLC = (
    "writes no sound of shorter files, begins up to two blocks late, and goes by the hundredths of an MP3's seek table"
)
_SINGLE = "warns at single samples of G.711, and plays more than a single sample of MP3"
_BLOCKS = "returns whole blocks at the beginning and the end"

_BY_PROGRAM: dict[tuple[str, str], Tolerance] = {
    **{(name, "MP3"): Tolerance(length_s=0.3, reason=_DELAY) for name in ("ffprobe", "gst-discoverer", "mediainfo")},
    **{
        (name, form): Tolerance(length_s=0.13, reason=_PRE_SKIP)
        for name in ("Chromium", "Firefox", "ffprobe", "mediainfo")
        for form in _OPUS
    },
    **{("VLC", name): Tolerance(seek_s=0.4, shortest_s=1, reason=_VLC) for name in FORMATS},
    **{("exiftool", name): Tolerance(length_s=0.01, reason="divides the file's size by its rate") for name in _WAV},
    ("exiftool", "MP3"): Tolerance(length_s=0.3, reason=_DELAY),
    ("ffmpeg", "MP3"): Tolerance(shortest_s=0.01, reason="plays single samples as most of a frame"),
    ("Chromium", "Vorbis"): Tolerance(length_s=0.05, shortest_s=0.01, reason=_BLOCKS),
    ("ffmpeg", "Vorbis"): Tolerance(length_s=0.05, reason=_BLOCKS),
    ("GStreamer", "WAV pcmu"): Tolerance(shortest_s=0.01, reason=_SINGLE),
    ("GStreamer", "WAV pcma"): Tolerance(shortest_s=0.01, reason=_SINGLE),
    ("GStreamer", "MP3"): Tolerance(shortest_s=0.01, reason=_SINGLE),
    ("mpg123", "MP3"): Tolerance(seek_s=0.2, reason="skips whole frames, and counts LAME's delay among them"),
    ("mpv", "Vorbis"): Tolerance(length_s=0.05, shortest_s=0.01, reason=_BLOCKS),
    ("mpv", "MP3"): Tolerance(shortest_s=0.01, reason="does not recognise files of a single frame"),
    ("sox", "MP3"): Tolerance(length_s=0.3, seek_s=0.3, reason="does not remove what LAME adds at both ends"),
}


def tolerance(program: str, format_name: str) -> Tolerance:
    """What is asked of a program for one of `FORMATS`."""
    return _BY_PROGRAM.get((program, format_name), _DEFAULT)
