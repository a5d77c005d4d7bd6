"""WAV, MP3 and Vorbis of recordings: one encoder gets all of the audio, block by block, in one thread.

The bytes are those that a clip gets; in Vorbis, but for the stream's serial number.
"""

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

import numpy as np

from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.containers import ogg
from streams.audio.containers.content import FileContent
from streams.audio.limits import SAMPLE_BYTES
from streams.audio.resample import known_rate, resampled, resampled_frames
from streams.codecs import Mp3Encoder, VorbisEncoder, WavEncoder, mp3, oggfile, vorbis, wav
from streams.codecs.recordings.base import Recording, Samples, cut


class _Sequential:
    """Leaves all work to `write`."""

    def chunks(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """See `RecordingEncoder`."""
        return blocks

    def encode(self, chunk: Samples) -> Samples:
        """See `RecordingEncoder`."""
        return np.ascontiguousarray(chunk)


class WavRecordingEncoder(_Sequential):
    """Encodes one recording, see `RecordingEncoder`.

    Args:
        encoder: How to encode.
        recording: What is encoded.
    """

    def __init__(self, encoder: WavEncoder, recording: Recording) -> None:
        self._codec = encoder.codec
        self._recording = recording

    def write(self, pieces: Iterator[Samples], file: BinaryIO) -> None:
        """See `RecordingEncoder`."""
        rate, channels = self._recording.rate, self._recording.channels
        size = self._recording.frames * channels
        if self._codec == "pcm":
            size *= SAMPLE_BYTES
            file.write(wav.pcm_head(size, rate, channels))
            for piece in pieces:
                file.write(piece.astype("<i2", copy=False).data)
        else:
            file.write(wav.g711_head(size, self._codec, rate, channels))
            for piece in pieces:
                file.write(g711.encode(piece, self._codec).data)
        file.write(wav.padding(size))


class Mp3RecordingEncoder(_Sequential):
    """Encodes one recording, see `RecordingEncoder`.

    Args:
        encoder: How to encode.
        recording: What is encoded.
    """

    def __init__(self, encoder: Mp3Encoder, recording: Recording) -> None:
        self._bitrate = encoder.bitrate
        self._recording = recording

    def write(self, pieces: Iterator[Samples], file: BinaryIO) -> None:
        """See `RecordingEncoder`."""
        rate = known_rate(self._recording.rate, mp3.RATES)
        length = resampled_frames(self._recording.frames, self._recording.rate, rate)
        shape = mp3.Shape(rate, self._recording.channels)
        first, size = b"", 0
        for frames in self._frames(resampled(pieces, self._recording.rate, rate, length), shape):
            if not first:
                first = frames[: mp3.HEADER]
                file.write(bytes(shape.info_bytes(first)))  # the Info frame, whose content is known at the end
            size += file.write(frames)
        file.seek(0)
        file.write(mp3.info_frame(first, size, length, shape))

    def _frames(self, blocks: Iterable[Samples], shape: mp3.Shape) -> Iterator[bytes]:
        """LAME's output, which need not end with a frame."""
        encoder = shape.encoder(self._bitrate)
        waiting = b""
        for block in blocks:
            waiting += bytes(encoder.encode(np.ascontiguousarray(block)))
            if len(waiting) >= mp3.HEADER:
                yield waiting
                waiting = b""
        yield waiting + bytes(encoder.flush())


class VorbisRecordingEncoder(_Sequential):
    """Encodes one recording, see `RecordingEncoder`.

    Args:
        encoder: How to encode.
        recording: What is encoded.
    """

    def __init__(self, encoder: VorbisEncoder, recording: Recording) -> None:
        self._quality = encoder.quality
        self._recording = recording

    def write(self, pieces: Iterator[Samples], file: BinaryIO) -> None:
        """See `RecordingEncoder`; libsndfile's own file, with other pages, is written beside it in between."""
        recording = self._recording
        with tempfile.TemporaryFile(dir=Path(file.name).parent) as made:
            chunks = map(np.ascontiguousarray, cut(pieces, repeat(vorbis.CHUNK)))
            vorbis.encode_to(made.fileno(), chunks, recording.rate, recording.channels, self._quality)
            packets = ogg.packets(content := FileContent(made.fileno()), _pages(content))
            headers = [next(packets) for _ in range(vorbis.HEADERS)]
            serial = zlib.crc32(bytes.fromhex(recording.pcm_sha256), oggfile.serial_number(headers))
            positions = _positions(packets, headers[0], recording.frames)
            for page in oggfile.pages(headers, positions, recording.rate, serial):
                file.write(page)


def _pages(content: FileContent) -> Iterator[ogg.Page]:
    for page in ogg.read_pages(content):
        if isinstance(page, Rejection):
            raise TypeError(f"libsndfile wrote an OGG file that is none: {page.message}")
        yield page


def _positions(packets: Iterator[bytes], identification: bytes, frames: int) -> Iterator[tuple[bytes, int]]:
    """The audio packets, each with the position in samples after it; the last one is the audio's length."""
    block_of = vorbis.blocks_of(identification)
    position, before, waiting = 0, 0, b""
    for packet in packets:
        if waiting:
            yield waiting, position
        block = block_of(packet)
        position += (before + block) // 4 if before else 0
        before, waiting = block, packet
    yield waiting, frames
