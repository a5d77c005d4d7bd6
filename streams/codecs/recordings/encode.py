"""Selects the encoder of a recording, and runs it."""

from collections.abc import Iterator
from typing import BinaryIO

from streams.codecs import (
    DualMonoOpusEncoder,
    Encoded,
    Encoder,
    FlacEncoder,
    Mp3Encoder,
    OpusEncoder,
    VorbisEncoder,
    WavEncoder,
    flac,
    mp3,
    opus,
    vorbis,
    wav,
)
from streams.codecs.base import LOSSLESS, UNKNOWN_QUALITY
from streams.codecs.recordings.base import Recording, RecordingEncoder, RunChunks, Samples
from streams.codecs.recordings.flac import FlacRecordingEncoder
from streams.codecs.recordings.opus import OpusRecordingEncoder
from streams.codecs.recordings.sequential import Mp3RecordingEncoder, VorbisRecordingEncoder, WavRecordingEncoder


def write_recording(
    encoder: Encoder, recording: Recording, blocks: Iterator[Samples], file: BinaryIO, run_chunks: RunChunks
) -> None:
    """Encode a recording into a file. Deterministic, however the chunks are run.

    Args:
        encoder: The encoder that would encode a clip.
        recording: What is encoded.
        blocks: All of its audio.
        file: An empty file, open for reading and writing.
        run_chunks: Runs the chunks' jobs.
    """
    chosen = encoder_of(encoder, recording)
    chosen.write(run_chunks(chosen.encode, chosen.chunks(blocks)), file)


def description(encoder: Encoder) -> Encoded:
    """The properties of an encoder's files, without bytes; see `Encoded` for the quality."""
    if isinstance(encoder, WavEncoder):
        return Encoded(b"", wav.CONTENT_TYPE, encoder.codec, wav.ENCODER, LOSSLESS)
    module = {"flac": flac, "opus": opus, "vorbis": vorbis, "mpeg": mp3}[encoder.codec]
    quality = LOSSLESS if module is flac else UNKNOWN_QUALITY
    return Encoded(b"", module.CONTENT_TYPE, encoder.codec, module.library(), quality)


def encoder_of(encoder: Encoder, recording: Recording) -> RecordingEncoder:
    """The encoder of a recording for that of clips."""
    match encoder:
        case FlacEncoder(effort=effort):
            return FlacRecordingEncoder(effort, recording)
        case OpusEncoder() | DualMonoOpusEncoder():
            return OpusRecordingEncoder(encoder, recording)
        case VorbisEncoder():
            return VorbisRecordingEncoder(encoder, recording)
        case Mp3Encoder():
            return Mp3RecordingEncoder(encoder, recording)
        case WavEncoder():
            return WavRecordingEncoder(encoder, recording)
        case _:
            raise TypeError(f"there is no encoder of recordings for {encoder!r}")
