"""Observations of a round in which everything went well, to be spoiled one thing at a time."""

import hashlib
import io
import json

import soundfile

from tests.chaos.damage import BAD
from tests.chaos.judgement import Observations
from tests.chaos.records import (
    COMPRESSED,
    DEAD_LETTER,
    ERROR_PREFIX,
    RAW,
    ObservedRecord,
    Place,
    PlannedInput,
    SentInput,
)
from tests.chaos.sounds import Sample, sample
from tests.chaos.workload import HotelPolicy, segment

GUEST, PROMPT = sample(0.5, "audio/L16", seed=1), sample(0.6, "audio/L16", seed=2)
SENT_AT_MS = 1_769_851_800_000
PARTITION = 3


def planned() -> list[PlannedInput]:
    """Two good segments, a bad one, and a prompt, in one call."""
    good = [segment(GUEST, "call", number, number=number) for number in range(2)]
    half = segment(GUEST, "call", 2, number=2)
    bad = PlannedInput(2, BAD["half a sample"](half.message), "call", 2, "guest", "lisbon", None, "half a sample")
    return [*good, bad, segment(PROMPT, "call", 3, number=3, channel="prompt")]


def observations() -> Observations:
    """What an honest worker makes of them."""
    sent = {Place(PARTITION, 10 + n): SentInput(one, SENT_AT_MS + n, float(n)) for n, one in enumerate(planned())}
    log = [_seen(RAW, place.offset, one) for place, one in sent.items()]
    outcomes = [_outcome(at, place, one) for at, (place, one) in enumerate(sent.items())]
    return Observations(
        sent=sent,
        log=log,
        outcomes=outcomes,
        committed={PARTITION: 14},
        ends={PARTITION: 14, 0: 0},
        table=[entry(file_of(PROMPT))],
        policies={"lisbon": HotelPolicy(accept=("audio/flac",), lossless=True)},
    )


def entry(file: bytes, key: bytes = b"k" * 32, offset: int = 0, times: bytes = bytes(24)) -> ObservedRecord:
    """A record of the cache table's changelog."""
    description = json.dumps({"codec": "flac"}).encode()
    value = times + len(description).to_bytes(4) + description + file
    return ObservedRecord("changelog", PARTITION, offset, key, value, (), SENT_AT_MS)


def file_of(one: Sample, rate: int | None = None) -> bytes:
    """A sample as a FLAC file."""
    file = io.BytesIO()
    soundfile.write(file, one.pcm, rate or one.rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def result_headers(place: Place, one: PlannedInput, audio: bytes) -> dict[str, str]:
    """Headers of a result."""
    assert one.sample is not None
    return {
        "ce_specversion": "1.0",
        "ce_id": f"id-{one.number}",
        "ce_type": "hotel.audio.compressed.v1",
        "content-type": "audio/flac",
        "ce_hotelid": one.hotel,
        "ce_callid": one.call_id,
        "ce_channel": one.channel,
        "ce_sequence": str(one.sequence),
        "ce_causationid": f"{one.call_id}-{one.sequence}",
        "ce_level": "2",
        "ce_originalbytes": str(len(one.sample.audio)),
        "ce_samplerate": str(one.sample.rate),
        "ce_audiochannels": "1",
        "ce_pcmsha256": hashlib.sha256(one.sample.pcm.astype("<i2").tobytes()).hexdigest(),
        "ce_sha256": hashlib.sha256(audio).hexdigest(),
        "ce_sourcetopic": "audio.raw",
        "ce_sourcepartition": str(place.partition),
        "ce_sourceoffset": str(place.offset),
    }


def as_headers(values: dict[str, str]) -> tuple[tuple[str, bytes], ...]:
    """Headers as they are on the wire."""
    return tuple((name, value.encode()) for name, value in values.items())


def _outcome(at: int, place: Place, one: SentInput) -> ObservedRecord:
    sample_sent, message = one.planned.sample, one.planned.message
    if sample_sent is None:
        reason = {"topic": "audio.raw", "partition": str(place.partition), "offset": str(place.offset)}
        reason |= {"stage": "contract", "exception.class.name": "PartialFrame", "exception.message": "value: has"}
        reason |= {"timestamp": str(one.timestamp)}
        headers = message.headers + as_headers({ERROR_PREFIX + name: value for name, value in reason.items()})
        return ObservedRecord(DEAD_LETTER, PARTITION, at, message.key, message.value, headers, one.timestamp + 1000)
    audio = file_of(sample_sent)
    headers = as_headers(result_headers(place, one.planned, audio))
    return ObservedRecord(COMPRESSED, PARTITION, at, message.key, audio, headers, SENT_AT_MS + 1000)


def _seen(topic: str, offset: int, one: SentInput) -> ObservedRecord:
    message = one.planned.message
    return ObservedRecord(topic, PARTITION, offset, message.key, message.value, message.headers, one.timestamp)
