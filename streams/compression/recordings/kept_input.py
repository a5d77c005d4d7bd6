"""Writes the input of a recording as a file, where no encoder makes it smaller; see `smallest` for clips."""

from typing import BinaryIO

from schemas import media_type as types
from schemas.media_type import MediaType
from schemas.policy import Policy
from schemas.rejection import Rejection
from streams.audio.containers import riff
from streams.audio.containers.content import FileContent, Readable, pieces_of
from streams.audio.g711 import Law
from streams.audio.limits import SAMPLE_BYTES
from streams.codecs import Encoded, WavEncoder, wav
from streams.codecs.recordings import description
from streams.compression.compress import NO_ENCODER, input_as_file, loses_depth
from streams.compression.kept_file import kept_parts
from streams.compression.recordings.survey import Survey


def instead(
    encoded: Encoded, size: int, found: Survey, media_type: MediaType, policy: Policy, *, input_quality: float
) -> Encoded | None:
    """What is used instead of an encoded file that is not small enough: the input, a plain WAV file, or nothing.

    Args:
        encoded: The properties of the encoded file.
        size: Its size in bytes.
        found: The recording's properties.
        media_type: The input's media type.
        policy: The hotel's policy.
        input_quality: Predicted mean opinion score of the input, see `Plan`.
    """
    source, recording = found.metadata.source, found.recording
    input_file = input_as_file(source, media_type).with_quality(input_quality)
    if loses_depth(encoded, source) or policy.accepts(input_file.content_type):
        return input_file
    plain_size = wav.PCM_HEADER_BYTES + recording.frames * recording.channels * SAMPLE_BYTES
    if policy.accepts(types.WAV) and plain_size < size:
        return description(WavEncoder("pcm"))
    return None


def write_input(original: FileContent, kept: Encoded, found: Survey, file: BinaryIO) -> bool:
    """Write the input's own bytes as a file, unless it has to be decoded to plain samples.

    Args:
        original: The input.
        kept: How it is kept, from `instead`.
        found: The recording's properties.
        file: An empty file.

    Returns:
        Whether the file was written.
    """
    if kept.encoder == NO_ENCODER:
        _copy(_file_parts(original, found), file)
        return True
    if kept.codec == "pcm":
        return False
    law: Law = "pcmu" if kept.codec == "pcmu" else "pcma"
    size = len(original)
    rate, channels = found.recording.rate, found.recording.channels
    _copy([wav.g711_head(size, law, rate, channels), original, wav.padding(size)], file)
    return True


def _file_parts(original: FileContent, found: Survey) -> list[Readable]:
    """See `streams.compression.kept_file`."""
    source = found.metadata.source
    if source.container != "wav":
        return [*kept_parts(original, source, found.recording.frames)]
    parts = riff.read(original)
    if isinstance(parts, Rejection) or (parts[0].is_plain and not source.repairs):
        return [original]
    wave, form = parts
    size = len(wave.data) // form.frame_bytes * form.frame_bytes
    data = wave.data.part(0, size) if isinstance(wave.data, FileContent) else bytes(wave.data[:size])
    return [wav.rewritten_head(wave, form), data, wav.padding(size)]


def _copy(parts: list[Readable], file: BinaryIO) -> None:
    for each in parts:
        for piece in pieces_of(each):
            file.write(piece)
