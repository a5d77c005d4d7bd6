"""Makes the event of a compressed segment."""

from schemas import CompressedAudio, Position, RawAudio, derive_id
from schemas.repairs import repairs_text
from streams.audio import ClipMetadata
from streams.codecs import Encoded
from streams.compression import Decision

#: The ``ce_source`` of every result: the compress agent.
SOURCE = "urn:hotel-audio-streams:compress"


def result_of(
    position: Position, event: RawAudio, metadata: ClipMetadata, *, decision: Decision, encoded: Encoded, hit: bool
) -> CompressedAudio:
    """Make the event of a result.

    Args:
        position: The input's topic, partition and offset.
        event: The input.
        metadata: Rate, length, source format and digest of the input's audio.
        decision: The plan that encoded it, and the reason for that plan.
        encoded: The file.
        hit: Whether the file comes from the cache.
    """
    return CompressedAudio(
        id=derive_id(event.source, event.id, decision.plan.profile),
        source=SOURCE,
        time=event.time,
        content_type=encoded.content_type,
        hotel_id=event.hotel_id,
        call_id=event.call_id,
        channel=event.channel,
        stream_id=event.stream,
        sequence=event.sequence,
        lost_ms=event.lost_ms,
        final=event.final,
        causation_id=event.id,
        causation_source=event.source,
        level=decision.plan.level,
        codec=encoded.codec,
        original_bytes=len(event.audio),
        duration_ms=metadata.duration_ms,
        sample_rate=metadata.rate,
        audio_channels=metadata.channels,
        quality=encoded.quality,
        cache="hit" if hit else "miss",
        pcm_sha256=metadata.pcm_sha256,
        encoder=encoded.encoder,
        position=position,
        audio=encoded.audio,
        corrected_type=None if metadata.source.corrected is None else str(metadata.source.corrected),
        repaired=repairs_text(metadata.source.repairs),
        reason=decision.reason,
        trace_parent=event.trace_parent,
        trace_state=event.trace_state,
    )
