"""The calls of a validation: one for each format of the contract, and one for each partition that these leave out.

The audio is that of the contract's samples (schemas/samples), with two sounds of our own: ten milliseconds, which no
encoder makes smaller, and a fax tone, which is kept without loss. So results come in every kind of file.
"""

import array
import base64
import hashlib
import itertools
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from aiokafka.partitioner import DefaultPartitioner

import schemas as contract
from schemas import Channel, MediaType, RawAudio, Record
from schemas.headers import CONTENT_TYPE
from schemas.structured import DATA_BASE64, DATA_CONTENT_TYPE, JSON_FORMAT
from schemas.validation import VALIDATION_HOTEL

SOURCE = "/hotel-audio-streams/final-validation"
#: Kinds of calls beside those of the formats.
DAMAGED, PROMPT, PARTITION = "damaged file", "prompt", "partition"

_SEGMENTS = 2  # of each format's call, so that there is an order
_RATE = 8000
_SHORT = slice(1000, 1160)  # bytes of the linear sample: ten milliseconds
_FAX_HZ, _FAX_SECONDS, _FAX_AMPLITUDE = 2100, 0.5, 8000
_PREFIX = "ce_"
_LINEAR = "4c06a9c0ad854b11379c2bdd30755c0c7cd49716854c6f23e546cab95cef5f51"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a result has to say about its input's audio.

    Attributes:
        milliseconds: Its duration.
        pcm_sha256: Digest of its samples; None where decoders may differ.
    """

    milliseconds: int
    pcm_sha256: str | None


@dataclass(frozen=True, slots=True)
class ValidationInput:
    """One record of a validation.

    Attributes:
        kind: What its call is for: a media type, or another kind of this module.
        event: The event.
        record: The record as it is sent.
        expected: What its result has to say; None where it has to become a dead letter.
    """

    kind: str
    event: RawAudio
    record: Record
    expected: Expected | None


class CallIds:
    """Makes call ids that belong in a given partition.

    Args:
        run: Unique part of all call ids.
        partitions: Number of partitions of the input topic.
    """

    def __init__(self, run: str, partitions: int) -> None:
        self._prefix = f"{VALIDATION_HOTEL}-{run}-"
        self._partitions = partitions
        self._choose = DefaultPartitioner()
        self._numbers = itertools.count()

    def make(self, partition: int) -> str:
        """Make a new call id whose records every client puts into a partition."""
        wanted = partition % self._partitions
        everywhere = range(self._partitions)
        while True:
            call_id = f"{self._prefix}{next(self._numbers)}"
            if self._choose(call_id.encode(), everywhere, ()) == wanted:
                return call_id

    def ours(self, key: bytes | None) -> str | None:
        """The call id that a record's key is, if it is of this run; otherwise None."""
        return key.decode() if key is not None and key.startswith(self._prefix.encode()) else None


#: What has to be found in each sample of the contract. Decoders of lossy files may differ in their samples.
_SAMPLES: Mapping[str, Expected] = {
    "l16": Expected(250, _LINEAR),
    "slin": Expected(250, _LINEAR),
    "pcmu": Expected(250, "58e5907f549ca0eaa91b4dc82164461e3357de631e401ee2e2610c4360fc85bf"),
    "pcma": Expected(250, "442dfa1e5d65f7d226d4a75d0376dde25c92afa31589eb60271d760a9954983a"),
    "gsm": Expected(260, "32910729c266b516687172959954527841aa08d56858f58dc16b93d8e1b655cc"),
    "g722": Expected(260, "f5d4baa012b80597c2191b09b5a753bb32e77755cbd105a4f8b7fce1a597576e"),
    "wav": Expected(250, _LINEAR),
    "flac": Expected(250, _LINEAR),
    "ogg": Expected(250, None),
    "mpeg": Expected(250, None),
}


def all_calls(ids: CallIds, partitions: int) -> list[list[ValidationInput]]:
    """The calls of all formats, one for each partition that these leave out, and one with a damaged file.

    Args:
        ids: Makes their ids.
        partitions: Number of partitions of the input topic.
    """
    formats = _format_calls(ids)
    others = [
        _input(PARTITION, "pcmu", _event("pcmu", ids.make(one), 0, final=True))
        for one in range(len(formats), partitions)
    ]
    return [*formats, *([one] for one in others), damaged_call(ids)]


def _format_calls(ids: CallIds) -> list[list[ValidationInput]]:
    """The calls of all formats, each in the next partition, with the segments in their order."""
    partitions = itertools.count()
    calls = [_call(name, ids.make(next(partitions))) for name in _SAMPLES]
    in_json = [
        replace(one, kind="events in JSON", record=_in_json(one.event))
        for one in _call("l16", ids.make(next(partitions)))
    ]
    linear = _sample("l16")[1]
    sounds = {"10 ms": linear[_SHORT], "fax tone": _fax()}
    return [*calls, in_json, *(_sound(kind, audio, ids.make(next(partitions))) for kind, audio in sounds.items())]


def damaged_call(ids: CallIds) -> list[ValidationInput]:
    """A call whose only file ends in its middle."""
    whole = _event("flac", ids.make(0), 0, final=True)
    event = replace(whole, audio=whole.audio[: len(whole.audio) // 2])
    return [ValidationInput(DAMAGED, event, event.to_record(), None)]


def prompts(ids: CallIds, count: int) -> list[ValidationInput]:
    """The same prompt several times, as segments of one call."""
    call_id = ids.make(0)
    return [_input(PROMPT, "l16", _event("l16", call_id, number, channel="prompt")) for number in range(count)]


def _call(name: str, call_id: str) -> list[ValidationInput]:
    events = [_event(name, call_id, number, final=number == _SEGMENTS - 1) for number in range(_SEGMENTS)]
    return [_input(event.media_type.type, name, event) for event in events]


def _sound(kind: str, audio: bytes, call_id: str) -> list[ValidationInput]:
    """A call of one segment with linear samples of our own."""
    event = replace(_event("l16", call_id, 0, final=True), audio=audio)
    expected = Expected(len(audio) // 2 * 1000 // _RATE, hashlib.sha256(_swapped(audio)).hexdigest())
    return [ValidationInput(f"{event.media_type.type}: {kind}", event, event.to_record(), expected)]


def _input(kind: str, name: str, event: RawAudio) -> ValidationInput:
    return ValidationInput(kind, event, event.to_record(), _SAMPLES[name])


def _event(name: str, call_id: str, number: int, *, final: bool = False, channel: Channel | None = None) -> RawAudio:
    """A sample of the contract as a segment of a call of our own."""
    media_type, audio = _sample(name)
    return RawAudio(
        id=f"{call_id}-{number}",
        source=SOURCE,
        hotel_id=VALIDATION_HOTEL,
        call_id=call_id,
        media_type=media_type,
        audio=audio,
        channel=channel,
        sequence=number,
        final=final,
    )


@cache
def _sample(name: str) -> tuple[MediaType, bytes]:
    """Media type and audio of a sample of the contract."""
    directory = files(contract) / "samples"
    headers = dict(json.loads((directory / f"raw-{name}.json").read_text(encoding="utf-8"))["headers"])
    media_type = MediaType.parse(headers[CONTENT_TYPE])
    if not isinstance(media_type, MediaType):
        raise TypeError(f"a sample of the contract breaks it: {media_type.message}")
    return media_type, (directory / f"raw-{name}.bin").read_bytes()


def _in_json(event: RawAudio) -> Record:
    """The event in structured mode."""
    texts = {name.removeprefix(_PREFIX): (value or b"").decode() for name, value in event.to_record().headers}
    texts[DATA_CONTENT_TYPE] = texts.pop(CONTENT_TYPE)
    texts[DATA_BASE64] = base64.b64encode(event.audio).decode()
    return Record(event.call_id.encode(), json.dumps(texts).encode(), ((CONTENT_TYPE, JSON_FORMAT.encode()),))


def _fax() -> bytes:
    """The tone with which a fax machine answers, as big-endian 16-bit samples."""
    step = 2 * math.pi * _FAX_HZ / _RATE
    samples = array.array(
        "h", (round(_FAX_AMPLITUDE * math.sin(step * at)) for at in range(round(_FAX_SECONDS * _RATE)))
    )
    return _swapped(samples.tobytes()) if sys.byteorder == "little" else samples.tobytes()


def _swapped(audio: bytes) -> bytes:
    """16-bit samples in the other byte order."""
    samples = array.array("h", audio)
    samples.byteswap()
    return samples.tobytes()
