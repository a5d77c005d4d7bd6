"""Decodes WAV files (RIFF, RF64, BW64, Wave64): PCM, floating point and G.711 without a library, GSM with FFmpeg.

`wave_chunks` finds the data, `wave_format` reads their format; both accept what players accept.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.blocks import BLOCK_FRAMES, AudioBlocks, Block, collected
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import pcm, telephony, wave_chunks, wave_format
from streams.audio.containers.content import Content, FileContent
from streams.audio.containers.wave_chunks import WaveFile
from streams.audio.containers.wave_format import GSM_BLOCK_FRAMES, WaveFormat
from streams.audio.limits import DecodeLimits, rejected

is_wave = wave_chunks.is_wave


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode a WAV file of PCM, floating point, A-law, µ-law or GSM 06.10 samples.

    Args:
        audio: The file, for which `is_wave` is true after ID3v2 tags at its beginning.
        limits: Limits of size, rate and channels.
    """
    return collected(open_blocks(audio, limits))


def open_blocks(audio: Content, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Begin to decode a file; the same as `decode`, block by block if it is not in memory."""
    parts = read(audio)
    if isinstance(parts, Rejection):
        return parts
    file, form = parts
    blocks = len(file.data) // form.frame_bytes
    frames = _gsm_frames(file, blocks) if form.encoding == "gsm" else blocks
    if frames == 0:
        return rejected("EmptyAudio", "the WAV file holds no samples")
    refusal = limits.check(form.rate, form.channels, frames)
    if refusal is not None:
        return refusal
    encoding = "pcm" if form.encoding == "float" else form.encoding
    source = SourceFormat("wav", encoding, form.bits, repairs=file.repairs)
    decoded = _gsm_blocks(file, form.rate, blocks, frames) if form.encoding == "gsm" else _blocks(file, form, frames)
    return AudioBlocks(form.rate, form.channels, source, decoded)


def _gsm_blocks(file: WaveFile, rate: int, blocks: int, frames: int) -> Iterator[Block]:
    done = 0
    for block in telephony.decode_wav49(file.data, blocks, rate):
        yield block if isinstance(block, Rejection) else block[: frames - done].reshape(-1, 1)
        done += 0 if isinstance(block, Rejection) else len(block)


def _blocks(file: WaveFile, form: WaveFormat, frames: int) -> Iterator[Block]:
    """Convert the samples, all at once if they are in memory."""
    step = BLOCK_FRAMES if isinstance(file.data, FileContent) else frames
    for start in range(0, frames, step):
        end = min(start + step, frames)
        samples = _converted(memoryview(file.data[start * form.frame_bytes : end * form.frame_bytes]), form)
        if samples is None:
            yield rejected("CorruptAudio", "a floating point sample is not a finite number")
            return
        yield samples.reshape(-1, form.channels)


def _converted(data: memoryview, form: WaveFormat) -> NDArray[np.int16] | None:
    if form.encoding in {"pcmu", "pcma"}:
        law: g711.Law = "pcmu" if form.encoding == "pcmu" else "pcma"
        return g711.decode(np.frombuffer(data, np.uint8), law)
    return pcm.from_wav(data, form.encoding, form.width)


def read(audio: Content) -> tuple[WaveFile, WaveFormat] | Rejection:
    """Find and check the parts of a WAV file; the file's repairs are those of its sizes and of its format."""
    file = wave_chunks.find(audio)
    if isinstance(file, Rejection):
        return file
    form = wave_format.parse(file.form)
    if isinstance(form, Rejection):
        return form
    rest = len(file.data) % form.frame_bytes
    is_padding = rest == 1 and form.encoding == "gsm"  # blocks have an odd size, and some writers count the padding
    partial = ("partial-frame",) * (rest > 0 and not is_padding)
    file.repairs = (*file.repairs, *form.repairs, *partial)
    return file, form


def _gsm_frames(file: WaveFile, blocks: int) -> int:
    """Number of samples: all of the blocks, or fewer in the last one if the fact chunk says so."""
    most = blocks * GSM_BLOCK_FRAMES
    claimed: int = struct.unpack_from("<I", file.fact)[0] if len(file.fact) >= 4 else most  # noqa: PLR2004 - uint32
    return claimed if most - GSM_BLOCK_FRAMES < claimed < most else most
