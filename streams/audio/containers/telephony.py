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
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers.wave_format import GSM_BLOCK_BYTES
from streams.audio.limits import DecodeLimits, rejected

GSM_RATE, G722_RATE = 8000, 16000  # Hz; RTP's clock of G.722 says 8000
GSM_FRAME_BYTES, GSM_FRAME_SAMPLES = 33, 160
_GSM_SIGNATURE = 0xD  # the upper half of the first byte of every frame
_FEWEST_GSM_FRAMES = 16  # in random bytes, all have the signature in one input of 10**19
_G722_SAMPLES = 2  # per byte
_G722_PACKET = 1 << 15  # bytes


def is_gsm(audio: bytes) -> bool:
    """Whether bytes without a header are GSM 06.10: at least a third of a second of frames with its signature.

    Every frame begins with the signature. Silence in A-law has it in all bytes, and is told apart by these.
    """
    whole = len(audio) // GSM_FRAME_BYTES
    if whole < _FEWEST_GSM_FRAMES or audio[0] >> 4 != _GSM_SIGNATURE:
        return False
    frames = np.frombuffer(audio, np.uint8, whole * GSM_FRAME_BYTES).reshape(whole, GSM_FRAME_BYTES) >> 4
    shares = (frames == _GSM_SIGNATURE).mean(axis=0)
    return bool(shares[0] == 1 and np.median(shares) < 1 / 2)


def decode_gsm(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode GSM 06.10 as 33-byte frames of 20 ms, 8 kHz mono.

    Args:
        audio: The frames. A last one that is not whole is left out, and so are zeros behind the last one.
        limits: Limits of size.
    """
    count = math.ceil(len(audio.rstrip(b"\0")) / GSM_FRAME_BYTES)  # the last frame may end with zeros
    repairs: tuple[str, ...] = ()
    if count * GSM_FRAME_BYTES > len(audio):
        count, repairs = count - 1, ("partial-frame",)
    elif count * GSM_FRAME_BYTES < len(audio):
        repairs = ("trailing-bytes",)
    if count == 0:
        return rejected("TruncatedAudio", f"{len(audio)} bytes have no whole GSM frame of {GSM_FRAME_BYTES}")
    whole = audio[: count * GSM_FRAME_BYTES]
    foreign = np.flatnonzero(np.frombuffer(whole, np.uint8)[::GSM_FRAME_BYTES] >> 4 != _GSM_SIGNATURE)
    if len(foreign):
        return rejected("CorruptAudio", f"frame {foreign[0]} is not GSM 06.10: its first half byte is not 0xD")
    refusal = limits.check(GSM_RATE, 1, count * GSM_FRAME_SAMPLES)
    if refusal is not None:
        return refusal
    samples = _decoded("gsm", GSM_RATE, whole, GSM_FRAME_BYTES)
    source = SourceFormat("raw", "gsm", repairs=repairs)
    return samples if isinstance(samples, Rejection) else Clip.of(samples, GSM_RATE, source)


def decode_g722(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode G.722 at 64 kbit/s, 16 kHz mono.

    Args:
        audio: One byte for each two samples.
        limits: Limits of size.
    """
    refusal = limits.check(G722_RATE, 1, len(audio) * _G722_SAMPLES)
    if refusal is not None:
        return refusal
    samples = _decoded("g722", G722_RATE, audio, _G722_PACKET)
    return samples if isinstance(samples, Rejection) else Clip.of(samples, G722_RATE, SourceFormat("raw", "g722"))


def decode_wav49(data: memoryview, rate: int) -> NDArray[np.int16] | Rejection:
    """Decode GSM 06.10 as WAV files have it.

    Args:
        data: Whole blocks of `GSM_BLOCK_BYTES` bytes, 320 samples each.
        rate: Sampling rate in Hz.

    Returns:
        Samples, shape (samples,).
    """
    return _decoded("gsm_ms", rate, bytes(data), GSM_BLOCK_BYTES)


def _decoded(codec: str, rate: int, audio: bytes, packet_bytes: int) -> NDArray[np.int16] | Rejection:
    try:
        return np.concatenate(list(_frames(codec, rate, audio, packet_bytes)))
    except (av.FFmpegError, ValueError) as error:
        return rejected("CorruptAudio", f"the {codec} audio cannot be decoded: {error}")


def _frames(codec: str, rate: int, audio: bytes, packet_bytes: int) -> Iterator[NDArray[np.int16]]:
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.AudioCodecContext)  # noqa: S101 - all codecs of this module are audio
    decoder.sample_rate, decoder.layout, decoder.thread_count = rate, "mono", 1
    for start in range(0, len(audio), packet_bytes):
        for frame in decoder.decode(av.Packet(audio[start : start + packet_bytes])):
            yield frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
