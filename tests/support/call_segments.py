"""Results of calls, as consumers and commands see them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from schemas import CompressedAudio, Position
from streams.audio import Clip, SourceFormat
from streams.clients.track_parts import Segment
from streams.codecs.base import Encoder
from tests.support.events import COMPRESSED

BEGAN = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
SEGMENT_S = 2


def result(sequence: int | None, **changes: Any) -> CompressedAudio:
    """A result of the guest's channel of call-1, whose audio is named by its sequence."""
    channel = changes.get("channel", "guest")
    usual = {
        "channel": channel,
        "stream_id": f"call-1:{channel}",
        "sequence": sequence,
        "causation_id": f"{channel}-{sequence}",
        "pcm_sha256": f"{sequence or 0:064x}",
        "time": None if sequence is None else BEGAN + timedelta(seconds=SEGMENT_S * sequence),
        "duration_ms": SEGMENT_S * 1000,
    }
    return replace(COMPRESSED, **(usual | changes))


def segment(result: CompressedAudio, offset: int = 0) -> Segment:
    return Segment(result, Position("audio.compressed", 0, offset), 1_769_851_800_000 + offset, result.sha256)


def segments(*results: CompressedAudio) -> list[Segment]:
    return [segment(one, offset) for offset, one in enumerate(results)]


def noise(seconds: float, *, rate: int = 8000, channels: int = 1, seed: int = 0) -> Clip:
    samples = np.random.default_rng(seed).integers(-8000, 8000, (round(seconds * rate), channels)).astype(np.int16)
    return Clip.of(samples, rate, SourceFormat("raw", "pcm"))


def encoded(clip: Clip, encoder: Encoder, sequence: int | None, **changes: Any) -> CompressedAudio:
    """The result of a clip."""
    file = encoder.encode(clip)
    about = {
        "audio": file.audio,
        "content_type": file.content_type,
        "codec": file.codec,
        "duration_ms": clip.duration_ms,
        "sample_rate": clip.rate,
        "audio_channels": clip.channels,
        "pcm_sha256": clip.pcm_sha256,
    }
    return result(sequence, **(about | changes))
