"""Decodes GSM 06.10 (full rate) and G.722 with FFmpeg's decoders, through PyAV; no container is parsed.

FFmpeg needs no file and no thread for these, so that they work in the decoder sandbox.

Sources: ETSI EN 300 961 (GSM 06.10), ITU-T G.722 (64 kbit/s); RFC 3551 for both as RTP payloads.
"""

import math
from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from schemas.rejection import Rejection
from streams.audio.blocks import AudioBlocks, Block, collected
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers.content import Content, FileContent, end_without_zeros
from streams.audio.containers.wave_format import GSM_BLOCK_BYTES
from streams.audio.limits import DecodeLimits, rejected

GSM_RATE, G722_RATE = 8000, 16000  # Hz; RTP's clock of G.722 says 8000
GSM_FRAME_BYTES, GSM_FRAME_SAMPLES = 33, 160
_GSM_SIGNATURE = 0xD  # the upper half of the first byte of every frame
_FEWEST_GSM_FRAMES = 16  # in random bytes, all have the signature in one input of 10**19
_G722_SAMPLES = 2  # per byte
_G722_PACKET = 1 << 15  # bytes
_GSM_FRAMES_AT_ONCE = 1 << 15
_FRAMES_PER_BLOCK = 512


def is_gsm(audio: Content) -> bool:
    """Whether bytes without a header are GSM 06.10: at least a third of a second of frames with its signature.

    Every frame begins with the signature. Silence in A-law has it in all bytes, and is told apart by these.
    """
    whole = len(audio) // GSM_FRAME_BYTES
    if whole < _FEWEST_GSM_FRAMES or audio[0] >> 4 != _GSM_SIGNATURE:
        return False
    counts = np.zeros(GSM_FRAME_BYTES, np.int64)
    for start in range(0, whole, _GSM_FRAMES_AT_ONCE):
        halves = _first_halves(audio, start, min(start + _GSM_FRAMES_AT_ONCE, whole))
        counts += (halves == _GSM_SIGNATURE).sum(axis=0)
        if counts[0] < start + len(halves):
            return False
    return bool(np.median(counts / whole) < 1 / 2)


def _first_halves(audio: Content, first: int, end: int) -> NDArray[np.uint8]:
    """The upper half of each byte of some frames, shape (frames, bytes)."""
    frames = audio[first * GSM_FRAME_BYTES : end * GSM_FRAME_BYTES]
    octets = np.frombuffer(frames, np.uint8).reshape(-1, GSM_FRAME_BYTES)
    return np.right_shift(octets, 4, dtype=np.uint8)


def decode_gsm(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode GSM 06.10 as 33-byte frames of 20 ms, 8 kHz mono.

    Args:
        audio: The frames. A last one that is not whole is left out, and so are zeros behind the last one.
        limits: Limits of size.
    """
    return collected(open_gsm(audio, limits))


def open_gsm(audio: Content, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Begin to decode GSM 06.10; the same as `decode_gsm`, block by block."""
    count = math.ceil(end_without_zeros(audio) / GSM_FRAME_BYTES)  # the last frame may end with zeros
    repairs: tuple[str, ...] = ()
    if count * GSM_FRAME_BYTES > len(audio):
        count, repairs = count - 1, ("partial-frame",)
    elif count * GSM_FRAME_BYTES < len(audio):
        repairs = ("trailing-bytes",)
    if count == 0:
        return rejected("TruncatedAudio", f"{len(audio)} bytes have no whole GSM frame of {GSM_FRAME_BYTES}")
    for start in range(0, count, _GSM_FRAMES_AT_ONCE):
        halves = _first_halves(audio, start, min(start + _GSM_FRAMES_AT_ONCE, count))[:, 0]
        foreign = np.flatnonzero(halves != _GSM_SIGNATURE)
        if len(foreign):
            frame = start + int(foreign[0])
            return rejected("CorruptAudio", f"frame {frame} is not GSM 06.10: its first half byte is not 0xD")
    refusal = limits.check(GSM_RATE, 1, count * GSM_FRAME_SAMPLES)
    if refusal is not None:
        return refusal
    blocks = _decoded("gsm", GSM_RATE, audio, count * GSM_FRAME_BYTES, GSM_FRAME_BYTES)
    return AudioBlocks(GSM_RATE, 1, SourceFormat("raw", "gsm", repairs=repairs), map(_mono, blocks))


def decode_g722(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode G.722 at 64 kbit/s, 16 kHz mono.

    Args:
        audio: One byte for each two samples.
        limits: Limits of size.
    """
    return collected(open_g722(audio, limits))


def open_g722(audio: Content, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Begin to decode G.722; the same as `decode_g722`, block by block."""
    refusal = limits.check(G722_RATE, 1, len(audio) * _G722_SAMPLES)
    if refusal is not None:
        return refusal
    blocks = _decoded("g722", G722_RATE, audio, len(audio), _G722_PACKET)
    return AudioBlocks(G722_RATE, 1, SourceFormat("raw", "g722"), map(_mono, blocks))


def decode_wav49(data: memoryview | FileContent, blocks: int, rate: int) -> Iterator[Block]:
    """Decode GSM 06.10 as WAV files have it.

    Args:
        data: Blocks of `GSM_BLOCK_BYTES` bytes, 320 samples each.
        blocks: Number of whole blocks.
        rate: Sampling rate in Hz.

    Yields:
        Samples, shape (samples,).
    """
    return _decoded("gsm_ms", rate, data, blocks * GSM_BLOCK_BYTES, GSM_BLOCK_BYTES)


def _mono(block: Block) -> Block:
    return block if isinstance(block, Rejection) else block.reshape(-1, 1)


def _decoded(codec: str, rate: int, audio: Content | memoryview, end: int, packet_bytes: int) -> Iterator[Block]:
    """Decode bytes up to an offset, in blocks of shape (samples,)."""
    waiting: list[NDArray[np.int16]] = []
    try:
        for samples in _frames(codec, rate, audio, end, packet_bytes):
            waiting.append(samples)
            if len(waiting) == _FRAMES_PER_BLOCK:
                yield np.concatenate(waiting)
                waiting = []
    except (av.FFmpegError, ValueError) as error:
        yield rejected("CorruptAudio", f"the {codec} audio cannot be decoded: {error}")
        return
    if waiting:
        yield np.concatenate(waiting)


def _frames(
    codec: str, rate: int, audio: Content | memoryview, end: int, packet_bytes: int
) -> Iterator[NDArray[np.int16]]:
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.AudioCodecContext)  # noqa: S101 - all codecs of this module are audio
    decoder.sample_rate, decoder.layout, decoder.thread_count = rate, "mono", 1
    for start in range(0, end, packet_bytes):
        for frame in decoder.decode(av.Packet(bytes(audio[start : min(start + packet_bytes, end)]))):
            yield frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
