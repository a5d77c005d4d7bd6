"""Splits a call's audio into events, as telephony systems send them."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from schemas import Channel, MediaType, RawAudio
from schemas.media_type import L16, PCMA, PCMU, SLIN
from streams.audio import g711
from streams.audio.clip import Clip

_CODERS: dict[str, Callable[[NDArray[np.int16]], bytes]] = {
    L16: lambda samples: samples.astype(">i2").tobytes(),
    SLIN: lambda samples: samples.astype("<i2").tobytes(),
    PCMU: lambda samples: g711.encode(samples, "pcmu").tobytes(),
    PCMA: lambda samples: g711.encode(samples, "pcma").tobytes(),
}


def segments(
    clip: Clip,
    *,
    hotel_id: str,
    call_id: str,
    source: str,
    seconds: float = 2.0,
    channel: Channel | None = None,
    media: str = L16,
    began: datetime | None = None,
) -> Iterator[RawAudio]:
    """Split one call into segments, numbered from 0, each with a new id; the last one is marked as final.

    Args:
        clip: The call's audio; one without samples gives no segment.
        hotel_id: The hotel.
        call_id: The call.
        source: The sender, as a URI-reference.
        seconds: Length of a segment; the last one may be shorter.
        channel: The channel: guest, agent, mixed or prompt.
        media: ``audio/L16`` or ``audio/x-slin``; or ``audio/PCMU`` or ``audio/PCMA``, which lose nothing of audio that
            came as such, and round other audio.
        began: When the call began, with time zone; None means now.

    Raises:
        ValueError: If a segment would have no samples, or the media type is not one of these, or does not allow the
            clip's rate or channels.
    """
    if media not in _CODERS:
        raise ValueError(f"{media} is not one of {', '.join(_CODERS)}")
    length = round(seconds * clip.rate)
    if length < 1:
        raise ValueError(f"segments of {seconds:g} s have no samples at {clip.rate} Hz")
    media_type = MediaType(media, (("rate", str(clip.rate)), ("channels", str(clip.channels))))
    began = began or datetime.now(UTC)
    for sequence, start in enumerate(range(0, clip.frames, length)):
        yield RawAudio(
            id=str(uuid.uuid4()),
            source=source,
            hotel_id=hotel_id,
            call_id=call_id,
            media_type=media_type,
            audio=_CODERS[media](clip.samples[start : start + length]),
            time=began + timedelta(seconds=start / clip.rate),
            channel=channel,
            sequence=sequence,
            final=start + length >= clip.frames,
        )
