"""One event of each kind, for variation with `dataclasses.replace`."""

from dataclasses import replace
from datetime import UTC, datetime

from schemas import CompressedAudio, DeadLetter, MediaType, Position, RawAudio, Record, Rejection, derive_id

RAW = RawAudio(
    id="1",
    source="/pbx",
    hotel_id="seaside",
    call_id="call-1",
    media_type=MediaType("audio/L16", (("rate", "8000"),)),
    audio=bytes(320),
    time=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    channel="guest",
    stream_id="call-1-in",
    sequence=0,
    lost_ms=0,
    final=True,
    trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    trace_state="hotel=1",
    guest_ref="g-7f3a9c2e",
)

_DIGEST = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
_OBJECT = f"s3://hotel-audio/sha256/5f/{_DIGEST}"

RAW_BY_REFERENCE = replace(RAW, audio=b"", data_ref=_OBJECT, data_sha256=_DIGEST)

COMPRESSED = CompressedAudio(
    id=derive_id("/pbx", "1", "opus-3"),
    source="/hotel-audio-streams",
    time=None,
    content_type="audio/ogg;codecs=opus",
    hotel_id="seaside",
    call_id="call-1",
    channel=None,
    stream_id="call-1:any",
    sequence=None,
    lost_ms=None,
    final=False,
    causation_id="1",
    level=3,
    codec="opus",
    original_bytes=32000,
    duration_ms=2000,
    sample_rate=8000,
    audio_channels=1,
    quality=4.3,
    cache="miss",
    pcm_sha256="0" * 64,
    encoder="libopus 1.5",
    position=Position("audio.raw", 3, 7),
    audio=b"OggS",
)

COMPRESSED_BY_REFERENCE = replace(
    COMPRESSED, audio=b"", data_ref=_OBJECT, data_sha256=_DIGEST, data_bytes=5_318_204, original_bytes=2**31
)


REASON = Rejection("contract", "EmptyValue", "value", "is empty: send at least one sample of audio")
LETTER = DeadLetter(Record(b"k", b"v", (("a", b"1"), ("a", None)), 17), Position("audio.raw", 1, 2), REASON)
