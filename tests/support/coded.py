"""GSM 06.10 and G.722 from clips, for tests."""

import av
import numpy as np

from streams.audio import Clip
from tests.support.signals import write_sound


def gsm(clip: Clip) -> bytes:
    """Code a clip of 8 kHz as frames of 33 bytes; the last one is filled up."""
    return write_sound(clip.samples, clip.rate, "RAW", "GSM610")


def g722(clip: Clip) -> bytes:
    """Code a clip of 16 kHz with an even number of samples at 64 kbit/s."""
    encoder = av.AudioCodecContext.create("g722", "w")
    encoder.sample_rate, encoder.layout, encoder.format = clip.rate, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(clip.samples.T), format="s16", layout="mono")
    frame.sample_rate = clip.rate
    return b"".join(bytes(packet) for part in (frame, None) for packet in encoder.encode(part))
