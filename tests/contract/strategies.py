"""Arbitrary events for the tests of the contract."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from schemas import CompressedAudio, MediaType, Position, RawAudio, Record
from schemas.raw_audio import CHANNELS

_visible = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
ids = st.text(_visible, min_size=1, max_size=255)
texts = st.text(_visible, min_size=1, max_size=100)
sources = st.sampled_from(["/pbx/lobby", "urn:pbx:1", "https://pbx.example/a%20b?c#d", "gateway"])
times = st.none() | st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
channels = st.none() | st.sampled_from(CHANNELS)
numbers = st.integers(0, 2**31 - 1)
optional_numbers = st.none() | numbers
positions = st.builds(Position, topic=texts, partition=numbers, offset=st.integers(0, 2**63 - 1))
raw_media_types = st.builds(
    lambda name, rate, count: MediaType(name, (("rate", str(rate)), ("channels", str(count)))),
    st.sampled_from(["audio/L16", "audio/x-slin", "audio/PCMU", "audio/PCMA"]),
    st.integers(8000, 48000),
    st.integers(1, 2),
)
media_types = raw_media_types | st.sampled_from(
    [MediaType("audio/wav"), MediaType("audio/mpeg"), MediaType("audio/GSM"), MediaType("audio/G722")]
)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)

raw_events = st.builds(
    RawAudio,
    id=ids,
    source=sources,
    hotel_id=ids,
    call_id=ids,
    media_type=media_types,
    audio=st.binary(min_size=1, max_size=20).map(lambda some: some * 4),  # whole frames of every type
    time=times,
    channel=channels,
    stream_id=st.none() | ids,
    sequence=optional_numbers,
    lost_ms=optional_numbers,
    final=st.booleans(),
    trace_parent=st.none() | texts,
    trace_state=st.none() | texts,
    guest_ref=st.none() | st.text("abcXYZ0189._:~=-", min_size=1, max_size=128),
)
references = st.builds(
    lambda event, reference, digest: replace(event, audio=b"", data_ref=reference, data_sha256=digest),
    raw_events,
    st.sampled_from(["s3://bucket/key", "file:///srv/a%20b", "http://169.254.169.254/", "%2e%2e"]),
    st.none() | digests,
)

compressed_events = st.builds(
    CompressedAudio,
    id=digests,
    source=sources,
    time=times,
    content_type=st.sampled_from(["audio/flac", "audio/ogg;codecs=opus"]),
    hotel_id=ids,
    call_id=ids,
    channel=channels,
    stream_id=ids,
    sequence=optional_numbers,
    lost_ms=optional_numbers,
    final=st.booleans(),
    causation_id=ids,
    causation_source=st.none() | sources,
    level=st.integers(1, 5),
    codec=texts,
    original_bytes=numbers,
    duration_ms=numbers,
    sample_rate=numbers,
    audio_channels=numbers,
    quality=st.integers(0, 500).map(lambda hundredths: hundredths / 100),
    cache=st.sampled_from(["hit", "miss"]),
    pcm_sha256=digests,
    encoder=texts,
    position=positions,
    audio=st.binary(min_size=1, max_size=80),
    corrected_type=st.none() | texts,
    repaired=st.none() | texts,
    reason=st.none() | texts,
    trace_parent=st.none() | texts,
    trace_state=st.none() | texts,
    archive=st.booleans(),
)

_names = st.sampled_from(
    [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "content-type",
        "ce_callid",
        "ce_time",
        "ce_sequence",
        "ce_final",
        "ce_level",
    ]
)
_connect = st.sampled_from(
    ["topic", "partition", "offset", "stage", "exception.message", "timestamp", "value.bytes"]
).map("__connect.errors.{}".format)
headers = st.lists(
    st.tuples(
        _names | _connect | st.text(max_size=10),
        st.none() | st.binary(max_size=30) | st.sampled_from([b"1.0", b"1", b"hotel.audio.raw.v1"]),
    )
).map(tuple)
records = st.builds(
    Record,
    key=st.none() | st.binary(max_size=10),
    value=st.none() | st.binary(max_size=40),
    headers=headers,
    timestamp_ms=st.none() | st.integers(0, 2**48),
)
