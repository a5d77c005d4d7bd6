"""A sealed record is opened as it was; whatever was changed, or has no key, is told and not opened."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from schemas import CompressedAudio, Cut, DeadLetter, RawAudio, Record, Rejection
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing
from streams.security.sealing.sealed_record import is_sealed, open_record, seal_record
from tests.contract.strategies import records
from tests.support.events import COMPRESSED, COMPRESSED_BY_REFERENCE, LETTER, RAW, RAW_BY_REFERENCE

KEY = DataKey(bytes(range(16)), bytes(range(32)))  # a fixed one, as it names tests
RESULT = COMPRESSED.to_record()
SEALED = seal_record(RESULT, KEY)


def find(key_id: bytes) -> DataKey | Missing:
    return KEY if key_id == KEY.id else Missing.UNKNOWN


def refusal(record: Record) -> tuple[str, str]:
    opened = open_record(record, find)
    assert isinstance(opened, Rejection), "it was opened"
    return opened.stage, opened.code


def with_header(record: Record, name: str, change: Callable[[bytes], bytes | None]) -> Record:
    return replace(record, headers=tuple((one, change(v or b"") if one == name else v) for one, v in record.headers))


@pytest.mark.parametrize(
    "record",
    [
        RESULT,
        COMPRESSED_BY_REFERENCE.to_record(),
        RAW.to_record(),
        RAW_BY_REFERENCE.to_record(),
        LETTER.to_record(),
        Record(b"call", None, (("ce_seal", None), ("ce_sha256", None), ("ce_sha256", b"\xff"), ("ce_sha256", b"a")), 5),
    ],
)
def test_every_kind_of_record_is_opened_as_it_was(record: Record) -> None:
    sealed = seal_record(record, KEY)

    assert not is_sealed(record)
    assert is_sealed(sealed)
    assert open_record(sealed, find) == record
    assert open_record(record, find) is record


@given(records)
def test_any_record_is_opened_as_it_was(record: Record) -> None:
    assert open_record(seal_record(record, KEY), find) == record


def test_what_is_sealed_twice_is_opened_layer_by_layer() -> None:
    other = DataKey.new()
    twice = seal_record(SEALED, other)

    assert open_record(twice, lambda _: other) == SEALED
    assert open_record(SEALED, find) == RESULT


def test_nothing_that_confirms_the_audio_is_in_clear() -> None:
    raw = replace(RAW, audio=bytes(range(256)), guest_ref="g-7f3a9c2e").to_record()
    letter = replace(LETTER, original=raw, cut=Cut(70_000, "5" * 64)).to_record()
    for record, secrets in (
        (RESULT, [COMPRESSED.audio, COMPRESSED.sha256.encode(), COMPRESSED.pcm_sha256.encode()]),
        (raw, [raw.value, b"g-7f3a9c2e"]),
        (letter, [raw.value, b"g-7f3a9c2e", b"5" * 64]),
    ):
        sealed = seal_record(record, KEY)
        text = b"".join((sealed.value or b"", *(name.encode() + (v or b"") for name, v in sealed.headers)))
        assert all(secret and secret not in text for secret in (*secrets, KEY.secret))


def test_the_digest_in_clear_is_that_of_the_sealed_value_and_of_a_stored_object_its_own() -> None:
    headers = dict(SEALED.headers)
    assert headers["ce_sha256"] == hashlib.sha256(SEALED.value or b"").hexdigest().encode()
    assert "ce_pcmsha256" not in headers
    assert headers["ce_seal"] == b"1"
    assert headers["ce_sealkey"] == KEY.id.hex().encode()
    by_reference = dict(seal_record(COMPRESSED_BY_REFERENCE.to_record(), KEY).headers)
    assert by_reference["ce_sha256"] == COMPRESSED_BY_REFERENCE.sha256.encode()


def test_dead_letters_and_inputs_that_are_sent_again_are_opened() -> None:
    sealed = DeadLetter.from_record(seal_record(LETTER.to_record(), KEY))

    assert isinstance(sealed, DeadLetter)
    assert open_record(sealed.original, find) == LETTER.original


def test_a_letter_of_a_sealed_input_has_it_as_it_came() -> None:
    sealed = seal_record(RAW.to_record(), KEY)
    letter = DeadLetter.from_record(replace(LETTER, original=sealed).to_record())

    assert isinstance(letter, DeadLetter)
    opened = open_record(letter.original, find)
    assert isinstance(opened, Record)
    assert RawAudio.from_record(opened) == RAW


def test_the_same_record_is_sealed_into_other_bytes_each_time() -> None:
    again = seal_record(RESULT, KEY)
    assert again.value != SEALED.value
    assert dict(again.headers)["ce_sealedheaders"] != dict(SEALED.headers)["ce_sealedheaders"]


@pytest.mark.parametrize("at", range(0, 12 + 4 + 16, 3))
def test_a_flipped_bit_anywhere_in_the_value_is_damage(at: int) -> None:
    value = bytearray(SEALED.value or b"")
    value[at] ^= 0x10
    assert refusal(replace(SEALED, value=bytes(value))) == ("open", "SealedDamaged")


@pytest.mark.parametrize("value", [None, b"", b"x", bytes(28)])
def test_another_value_is_damage(value: bytes | None) -> None:
    assert refusal(replace(SEALED, value=value)) == ("open", "SealedDamaged")


def test_a_value_of_the_same_key_and_id_does_not_pass_under_the_headers_of_another_one() -> None:
    other = seal_record(replace(COMPRESSED, audio=b"other").to_record(), KEY)
    assert refusal(replace(SEALED, value=other.value)) == ("open", "SealedDamaged")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_seal", b"2"),
        ("ce_seal", b""),
        ("ce_sealkey", b""),
        ("ce_sealkey", b"xyz"),
        ("ce_sealkey", b"\xff"),
        ("ce_sealkey", KEY.id.hex().encode()[2:]),
        ("ce_sealedheaders", b""),
        ("ce_sealedheaders", b"!"),
        ("ce_sealedheaders", base64.b64encode(bytes(40))),
        ("ce_source", b"/other"),
        ("ce_id", b"other"),
        ("content-type", b"audio/flac"),
    ],
)
def test_a_forged_header_is_damage(name: str, value: bytes) -> None:
    assert refusal(with_header(SEALED, name, lambda _: value)) == ("open", "SealedDamaged")


@pytest.mark.parametrize("name", ["ce_seal", "ce_sealkey", "ce_sealedheaders", "ce_source", "ce_id", "content-type"])
def test_a_header_that_is_missing_or_has_no_value_is_damage(name: str) -> None:
    without = replace(SEALED, headers=tuple(one for one in SEALED.headers if one[0] != name))
    assert refusal(without) == ("open", "SealedDamaged")
    assert refusal(with_header(SEALED, name, lambda _: None)) == ("open", "SealedDamaged")


def test_a_forged_digest_of_a_stored_object_is_replaced_by_the_sealed_one() -> None:
    sealed = seal_record(COMPRESSED_BY_REFERENCE.to_record(), KEY)
    opened = open_record(with_header(sealed, "ce_sha256", lambda _: b"0" * 64), find)
    assert isinstance(opened, Record)
    assert CompressedAudio.from_record(opened) == COMPRESSED_BY_REFERENCE


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (Missing.ERASED, "SealedErased"),
        (Missing.EXPIRED, "SealedExpired"),
        (Missing.UNKNOWN, "SealedUnknown"),
        (Missing.NO_ACCESS, "SealedNoAccess"),
        (Missing.STALE, "SealedStale"),
    ],
)
def test_without_the_key_the_answer_says_why(missing: Missing, code: str) -> None:
    opened = open_record(SEALED, lambda _: missing)
    assert isinstance(opened, Rejection)
    assert (opened.stage, opened.code, opened.field) == ("open", code, "ce_sealkey")
