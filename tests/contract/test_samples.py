import base64
import json
import struct
from importlib.resources import files
from io import BytesIO
from typing import Any

import jsonschema
import numpy as np
import pytest
import soundfile
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas import CompressedAudio, DeadLetter, PolicyEvent, RawAudio, Record, Rejection, derive_id
from schemas.audit import AuditEntry
from streams.audio import Clip, decode
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.objects import open_object
from streams.security.sealing.sealed_record import open_record

SAMPLES = files("schemas") / "samples"
EVENTS: dict[str, type[RawAudio | CompressedAudio | DeadLetter | PolicyEvent]] = {
    "raw-l16": RawAudio,
    "raw-slin": RawAudio,
    "raw-pcmu": RawAudio,
    "raw-pcma": RawAudio,
    "raw-wav": RawAudio,
    "raw-gsm": RawAudio,
    "raw-g722": RawAudio,
    "raw-flac": RawAudio,
    "raw-ogg": RawAudio,
    "raw-mpeg": RawAudio,
    "raw-reference": RawAudio,
    "compressed-flac": CompressedAudio,
    "compressed-reference": CompressedAudio,
    "dead-letter": DeadLetter,
    "policy": PolicyEvent,
}
#: The same event as another sample, in structured mode; results are written in binary mode alone.
STRUCTURED = {"raw-structured": "raw-l16"}


def sample(name: str) -> Record:
    meta: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    headers = tuple((header, value.encode()) for header, value in meta["headers"])
    return Record(meta["key"].encode(), (SAMPLES / f"{name}.bin").read_bytes(), headers, meta["timestamp"])


@pytest.mark.parametrize("name", EVENTS)
def test_each_sample_is_read_and_written_again_exactly(name: str) -> None:
    event = EVENTS[name].from_record(sample(name))
    assert isinstance(event, EVENTS[name])
    assert event.to_record() == sample(name)


def test_every_file_on_disk_is_tested() -> None:
    on_disk = {path.name for path in SAMPLES.iterdir()}
    events = {f"{name}.{suffix}" for name in (*EVENTS, *STRUCTURED) for suffix in ("json", "bin")}
    sealed = {"sealed-flac.json", "sealed-flac.bin", "sealed-object.bin"}
    assert on_disk == events | sealed | {"partitions.json", "audit-entry.json", "audit-entry.bin"}


def test_the_sealed_samples_are_the_compressed_sample_under_a_key() -> None:
    secret = bytes.fromhex(json.loads((SAMPLES / "sealed-flac.json").read_text(encoding="utf-8"))["secret"])
    sealed, in_clear = sample("sealed-flac"), sample("compressed-flac")

    def find(key_id: bytes) -> DataKey:
        return DataKey(key_id, secret)

    assert open_record(sealed, find) == in_clear
    assert b"".join(open_object([(SAMPLES / "sealed-object.bin").read_bytes()], find)) == in_clear.value


def test_the_sealed_samples_are_opened_by_what_the_document_says_alone() -> None:
    """As a program in another language would do it."""
    description = json.loads((SAMPLES / "sealed-flac.json").read_text(encoding="utf-8"))
    headers, secret = dict(description["headers"]), AESGCM(bytes.fromhex(description["secret"]))
    value, in_clear = (SAMPLES / "sealed-flac.bin").read_bytes(), sample("compressed-flac")
    data = b"\x01" + bytes.fromhex(headers["ce_sealkey"])
    for name in ("ce_source", "ce_id", "content-type"):
        data += struct.pack(">I", len(headers[name])) + headers[name].encode()
    assert secret.decrypt(value[:12], value[12:], data + b"value") == in_clear.value
    hidden = base64.b64decode(headers["ce_sealedheaders"])
    opened = json.loads(secret.decrypt(hidden[:12], hidden[12:], data + b"headers" + value[-16:]))
    assert [(name, text.encode()) for _, name, text in opened] == [in_clear.headers[place] for place, _, _ in opened]
    stored = (SAMPLES / "sealed-object.bin").read_bytes()
    assert secret.decrypt(stored[40:52], stored[52:], stored[:40] + struct.pack(">QB", 0, 1)) == in_clear.value


def test_the_sample_of_the_audit_is_read_and_written_again_exactly() -> None:
    entry = AuditEntry.from_fields(json.loads(sample("audit-entry").value or b""))
    assert entry.to_record() == sample("audit-entry")


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_sample_in_structured_mode_is_the_event_of_the_one_in_binary_mode(name: str) -> None:
    event = RawAudio.from_record(sample(name))
    assert isinstance(event, RawAudio)
    assert event.to_record() == sample(STRUCTURED[name])


def test_the_compressed_sample_is_the_raw_sample() -> None:
    raw = RawAudio.from_record(sample("raw-l16"))
    compressed = CompressedAudio.from_record(sample("compressed-flac"))
    assert isinstance(raw, RawAudio)
    assert isinstance(compressed, CompressedAudio)
    decoded, rate = soundfile.read(BytesIO(compressed.audio), dtype="int16")
    assert (decoded == np.frombuffer(raw.audio, ">i2")).all()
    assert (rate, compressed.sample_rate, compressed.original_bytes) == (8000, 8000, len(raw.audio))
    assert compressed.id == derive_id(raw.source, raw.id, "flac-2")
    assert (compressed.causation_id, compressed.stream_id) == (raw.id, raw.stream)


def test_the_policy_sample_obeys_the_published_schema() -> None:
    schema = json.loads((files("schemas") / "policy.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(sample("policy").value or b""))


def test_the_wav_sample_is_a_file() -> None:
    raw = RawAudio.from_record(sample("raw-wav"))
    assert isinstance(raw, RawAudio)
    assert soundfile.info(BytesIO(raw.audio)).format == "WAV"


@pytest.mark.parametrize(("name", "rate"), [("raw-gsm", 8000), ("raw-g722", 16000)])
def test_coded_samples_hold_thirteen_frames(name: str, rate: int) -> None:
    raw = RawAudio.from_record(sample(name))
    assert isinstance(raw, RawAudio)
    clip = decode(raw.audio, raw.media_type)
    assert isinstance(clip, Clip)
    assert (clip.rate, clip.duration_ms) == (rate, 260)


def test_the_dead_letter_gives_the_reason_that_its_original_still_has() -> None:
    letter = DeadLetter.from_record(sample("dead-letter"))
    assert isinstance(letter, DeadLetter)
    rejection = RawAudio.from_record(letter.original)
    assert isinstance(rejection, Rejection)
    assert letter.rejection == rejection
