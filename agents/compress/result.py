"""The event that a compressed segment becomes."""

from schemas import CompressedAudio, RawAudio, derive_id
from streams.audio import ClipMetadata
from streams.codecs import Encoded
from streams.compression import Decision
from streams.delivery.outcome import InputRecord

#: The ``source`` of every result: the compress agent.
SOURCE = "urn:hotel-audio-streams:compress"


def result_of(
    record: InputRecord, event: RawAudio, metadata: ClipMetadata, *, decision: Decision, encoded: Encoded, hit: bool
) -> CompressedAudio:
    """The result of an input.

    Args:
        record: The input's record.
        event: What it says.
        metadata: What its audio is.
        decision: How it was to be encoded, and why.
        encoded: The file.
        hit: Whether that was found in the cache.
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
        position=record.position,
        audio=encoded.audio,
        corrected_type=None if metadata.source.corrected is None else str(metadata.source.corrected),
        reason=decision.reason,
        trace_parent=event.trace_parent,
        trace_state=event.trace_state,
    )
