"""The plain library call for each encoder, with the same settings, without the product's file formats."""

import io

import lameenc
import numpy as np
import pyflac
import soundfile
from pyflac._encoder import lib as libflac

from streams.audio import Clip
from streams.codecs import (
    DualMonoOpusEncoder,
    Encoder,
    FlacEncoder,
    Mp3Encoder,
    OpusEncoder,
    VorbisEncoder,
    libopus,
)
from streams.codecs.flac import SMALLEST, WINDOWS, block_size

_OPUS_FRAME_MS = 60


def bare_call(encoder: Encoder, clip: Clip) -> int:
    """Encode a clip with the codec's library alone.

    Args:
        encoder: The codec and its settings.
        clip: The audio, at a rate that the codec takes.

    Returns:
        The number of encoded bytes.
    """
    match encoder:
        case FlacEncoder(effort=effort):
            return _flac(clip, effort)
        case OpusEncoder():
            return _opus(clip, encoder)
        case DualMonoOpusEncoder(left=left, right=right):
            sides = (Clip.of(clip.samples[:, side], clip.rate, clip.source) for side in range(2))
            return sum(_opus(side, each) for side, each in zip(sides, (left, right), strict=True))
        case VorbisEncoder(quality=quality):
            return _sndfile(clip, "OGG", "VORBIS", 1 - quality)
        case Mp3Encoder(bitrate=bitrate):
            return _lame(clip, bitrate)
        case _:
            return _sndfile(clip, "WAV", {"pcm": "PCM_16", "pcmu": "ULAW", "pcma": "ALAW"}[encoder.codec], None)


def _flac(clip: Clip, effort: int) -> int:
    parts: list[bytes] = []
    encoder = pyflac.StreamEncoder(
        clip.rate, lambda part, *_: parts.append(part), compression_level=effort, blocksize=block_size(clip.rate)
    )
    if effort == SMALLEST:  # as in the product: pyFLAC has no public method for these settings
        libflac.FLAC__stream_encoder_set_apodization(encoder._encoder, WINDOWS)  # noqa: SLF001 - as said
        libflac.FLAC__stream_encoder_set_do_qlp_coeff_prec_search(encoder._encoder, 1)  # noqa: SLF001 - as said
    encoder.process(clip.samples)
    encoder.finish()
    return len(b"".join(parts))


def _opus(clip: Clip, encoder: OpusEncoder) -> int:
    """The size of the Opus packets, without a container."""
    frame = clip.rate * _OPUS_FRAME_MS // 1000
    padded = np.pad(clip.samples, ((0, -clip.frames % frame), (0, 0)))
    settings = libopus.Settings(encoder.effort, encoder.bandwidth, encoder.dtx)
    bitrates = np.full(len(padded) // frame, encoder.bitrate, np.int32)
    packets, _ = libopus.encode(padded, clip.rate, bitrates, settings)
    return int(packets.sizes.sum())


def _lame(clip: Clip, bitrate: int) -> int:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(clip.channels)
    encoder.set_in_sample_rate(clip.rate)
    encoder.set_bit_rate(bitrate // 1000)
    encoder.set_quality(2)
    return len(encoder.encode(clip.samples)) + len(encoder.flush())


def _sndfile(clip: Clip, container: str, subtype: str, compression: float | None) -> int:
    file = io.BytesIO()
    soundfile.write(file, clip.samples, clip.rate, subtype, format=container, compression_level=compression)
    return file.tell()
