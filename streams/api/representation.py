"""How recordings are shown as JSON."""

from dataclasses import replace
from typing import Any

from schemas.record import TopicPartition
from streams.api.index.feeder import IndexFeeder
from streams.api.index.recording import Original, Recording, Refusal, Result, State
from streams.api.schemas import time_text
from streams.security.sealing.missing import Missing


def state_of(recording: Recording, feeder: IndexFeeder) -> State:
    """A recording's state: its outcome, unless what says it cannot be read any more."""
    original, result, refusal = recording.original, recording.result, recording.refusal
    outcome = recording.outcome
    if outcome == "done" and result is not None:
        key, position = result.seal_key, result.position
    elif outcome == "dead" and refusal is not None:
        key, position = refusal.seal_key, refusal.position
    elif original is not None:
        key, position = original.seal_key, replace(original.position, offset=original.latest_offset)
    else:
        return outcome
    gone = None if key is None else feeder.gone(key)
    if gone is not None:
        return "erased" if gone is Missing.ERASED else "expired"
    past = position.offset < feeder.first_offset(TopicPartition(position.topic, position.partition))
    return "expired" if past else outcome


def represented(recording: Recording, feeder: IndexFeeder) -> dict[str, Any]:
    """A recording by the schema ``Recording``."""
    url = f"/v1/recordings/{recording.id}"
    return {
        "id": recording.id,
        "state": state_of(recording, feeder),
        "hotel": recording.hotel,
        "call": recording.call,
        "channel": recording.channel,
        "sequence": recording.sequence,
        "final": recording.final,
        "time": time_text(recording.time_ms),
        "original": None if recording.original is None else _original(recording.original, url),
        "result": None if recording.result is None else _result(recording.result, url),
        "refusal": None if recording.refusal is None else refusal_of(recording.refusal),
    }


def refusal_of(refusal: Refusal) -> dict[str, Any]:
    """A dead letter's reason by the schema ``Refusal``."""
    return {
        "stage": refusal.stage,
        "code": refusal.code,
        "field": refusal.field,
        "reason": refusal.reason,
        "refusedAt": time_text(refusal.appended_ms),
    }


def _original(original: Original, url: str) -> dict[str, Any]:
    return {
        "bytes": original.size,
        "contentType": original.content_type,
        "sha256": original.sha256,
        "receivedAt": time_text(original.appended_ms),
        "url": f"{url}/original",
    }


def _result(result: Result, url: str) -> dict[str, Any]:
    return {
        "bytes": result.size,
        "contentType": result.content_type,
        "sha256": result.sha256,
        "finishedAt": time_text(result.appended_ms),
        "level": result.level,
        "codec": result.codec,
        "reason": result.reason,
        "quality": result.quality,
        "durationMs": result.duration_ms,
        "sampleRate": result.sample_rate,
        "channels": result.audio_channels,
        "originalBytes": result.original_bytes,
        "url": f"{url}/audio",
    }
