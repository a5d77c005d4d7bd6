"""Inputs for end-to-end tests: calls in every media type, and inputs that are bad in every way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas import MediaType, RawAudio, Record
from tests.support.signals import MEDIA_TYPES, encode_as, speech

_HOTELS = 3
_L16 = "audio/L16;rate=8000;channels=1"
_FLAC_TOTAL_SAMPLES = slice(21, 26)


@dataclass(frozen=True, slots=True)
class Sample:
    """A valid piece of audio: its bytes and what is in them."""

    media_type: str
    audio: bytes
    rate: int
    frames: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One record to be sent.

    Attributes:
        record: What goes on the wire.
        call_id: Its call.
        sequence: Its number within the call.
        sample: The audio inside, or None when the input is bad.
        bad: What is wrong with it, or None.
    """

    record: Record
    call_id: str
    sequence: int
    sample: Sample | None
    bad: str | None = None


def samples(seconds: Sequence[float] = (0.06, 0.4, 1.0, 2.0)) -> list[Sample]:
    """Make one sample of each media type and length."""
    made = []
    for number, media_type in enumerate(MEDIA_TYPES):
        for length in seconds:
            clip = speech(length, seed=number)
            made.append(Sample(media_type, encode_as(clip, media_type), clip.rate, clip.frames))
    return made


def event(sample: Sample, call: int, sequence: int, *, channel: str | None = "guest") -> RawAudio:
    """Wrap a sample as one segment of a call."""
    media_type = MediaType.parse(sample.media_type)
    assert isinstance(media_type, MediaType)
    return RawAudio(
        id=f"{call}-{sequence}",
        source="urn:test:pbx",
        hotel_id=f"hotel-{call % _HOTELS}",
        call_id=f"call-{call}",
        media_type=media_type,
        audio=sample.audio,
        channel=channel,  # type: ignore[arg-type]  # tests name it as the header does
        sequence=sequence,
    )


def spoken(seconds: float, seed: int = 0) -> Sample:
    """Speech as a PBX sends it."""
    clip = speech(seconds, seed=seed)
    return Sample(_L16, encode_as(clip, _L16), clip.rate, clip.frames)


def planned(sample: Sample, sequence: int, *, channel: str | None = "guest", call: int = 0) -> Planned:
    """Plan one segment of a call."""
    record = event(sample, call, sequence, channel=channel).to_record()
    return Planned(record, f"call-{call}", sequence, sample)


def calls(count: int, *, concurrent: int = 60, bad_share: float = 0.05, seed: int = 0) -> Iterator[Planned]:
    """Plan ``count`` records of many calls at once, a share of them bad in one of the ways of ``BAD``."""
    random = np.random.default_rng(seed)
    pool = samples()
    kinds = sorted(BAD)
    sequences = [0] * concurrent
    for number in range(count):
        call = int(random.integers(concurrent))
        sequence = sequences[call]
        sequences[call] += 1
        sample = pool[int(random.integers(len(pool)))]
        channel = "prompt" if random.random() < 0.2 else "guest"
        good = event(sample, call, sequence, channel=channel).to_record()
        if random.random() < bad_share:
            kind = kinds[number % len(kinds)]
            yield Planned(BAD[kind](good), f"call-{call}", sequence, None, kind)
        else:
            yield Planned(good, f"call-{call}", sequence, sample)


def with_header(record: Record, name: str, value: bytes | None) -> Record:
    """Replace a header, or remove it when ``value`` is None; the key is kept."""
    kept = tuple(pair for pair in record.headers if pair[0] != name)
    return replace(record, headers=kept if value is None else (*kept, (name, value)))


def _container(record: Record, media_type: str, change: Callable[[bytes], bytes]) -> Record:
    audio = change(encode_as(speech(0.5), media_type))
    return replace(with_header(record, "content-type", media_type.encode()), value=audio)


def _raw(record: Record, content_type: bytes, value: bytes = b"\x01\x02" * 400) -> Record:
    return replace(with_header(record, "content-type", content_type), value=value)


def _claims_hours(flac: bytes) -> bytes:
    claimed = bytearray(flac)
    claimed[_FLAC_TOTAL_SAMPLES] = bytes([claimed[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])
    return bytes(claimed)


def _lies_about_size(wav: bytes) -> bytes:
    return wav[:40] + (2**31 - 9).to_bytes(4, "little") + wav[44:]


#: Each kind of bad input, made from a good record.
BAD: dict[str, Callable[[Record], Record]] = {
    "empty": lambda record: replace(record, value=b""),
    "tombstone": lambda record: replace(record, value=None),
    "no id": lambda record: with_header(record, "ce_id", None),
    "no hotel": lambda record: with_header(record, "ce_hotelid", None),
    "wrong version": lambda record: with_header(record, "ce_specversion", b"0.3"),
    "not utf-8": lambda record: with_header(record, "ce_hotelid", b"\xff\xfe"),
    "key is not the call": lambda record: replace(record, key=(record.key or b"") + b"-other"),
    "unknown media type": lambda record: _raw(record, b"video/mp4"),
    "rate missing": lambda record: _raw(record, b"audio/L16"),
    "rate zero": lambda record: _raw(record, b"audio/L16;rate=0"),
    "rate absurd": lambda record: _raw(record, b"audio/L16;rate=99999999"),
    "channels absurd": lambda record: _raw(record, b"audio/L16;rate=8000;channels=99"),
    "half a sample": lambda record: _raw(record, b"audio/L16;rate=8000", b"\x01" * 801),
    "flac truncated": lambda record: _container(record, "audio/flac", lambda audio: audio[: len(audio) // 2]),
    "flac claims hours": lambda record: _container(record, "audio/flac", _claims_hours),
    "riff size lies": lambda record: _container(record, "audio/wav", _lies_about_size),
    "ogg truncated": lambda record: _container(record, "audio/ogg", lambda audio: audio[: len(audio) * 2 // 3]),
    "not what the label says": lambda record: _raw(record, b"audio/flac", b"RIFF" + bytes(200)),
}
