"""The input as a result, where no encoder makes it smaller: byte for byte, unless players need a better header."""

from collections.abc import Sequence

from schemas.rejection import Rejection
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import flac, mpeg, ogg_links, riff
from streams.audio.containers.content import Content, Readable
from streams.codecs import wav


def kept_file(original: bytes, clip: Clip) -> bytes:
    """Return a file with the same audio that every player opens, at its right length.

    Of a WAV file whose header is wrong or has 64-bit sizes, a plain one with the same samples is written. A FLAC file
    loses tags around it, and gets the total that its header lacks. Of an OGG or MP3 file that was read with repairs,
    the whole pages or frames are left, with right positions. All other files stay byte for byte.

    Args:
        original: The input.
        clip: The audio decoded from it.
    """
    if clip.source.container == "wav":
        parts = riff.read(original)
        if isinstance(parts, Rejection) or (parts[0].is_plain and not clip.source.repairs):
            return original
        return wav.rewritten(*parts)
    return b"".join(part[:] for part in kept_parts(original, clip.source, clip.frames))


def kept_parts(original: Content, source: SourceFormat, frames: int) -> Sequence[Readable]:
    """The same for a file that is not WAV, and may be of any size: its parts.

    Args:
        original: The input.
        source: Its format and repairs.
        frames: Number of sample frames that were decoded from it.
    """
    if source.container == "flac":
        return flac.with_right_header(original, frames)
    if not source.repairs:
        return [original]
    return mpeg.repaired(original) if source.container == "mpeg" else ogg_links.repaired(original, frames)
