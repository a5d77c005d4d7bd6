from dataclasses import replace

import pytest
from hypothesis import given

from schemas import CompressedAudio, Record, Rejection, derive_id
from tests.contract.strategies import compressed_events, records
from tests.support.events import COMPRESSED, COMPRESSED_BY_REFERENCE


@given(compressed_events)
def test_survives_writing_and_reading(event: CompressedAudio) -> None:
    assert CompressedAudio.from_record(event.to_record()) == event


@given(records)
def test_no_record_raises(record: Record) -> None:
    assert isinstance(CompressedAudio.from_record(record), CompressedAudio | Rejection)


def test_headers_the_input_did_not_have_are_left_out_but_the_stream_is_always_named() -> None:
    names = [name for name, _ in COMPRESSED.to_record().headers]
    assert not {"ce_time", "ce_channel", "ce_sequence", "ce_lostms", "ce_final"} & set(names)
    assert "ce_streamid" in names


@pytest.mark.parametrize("name", [name for name, _ in COMPRESSED.to_record().headers])
def test_every_header_of_a_minimal_result_is_required_and_checked(name: str) -> None:
    record = COMPRESSED.to_record()
    for broken in ((), ((name, b"\xff"),), ((name, b""),)):
        headers = tuple(header for header in record.headers if header[0] != name) + broken
        rejection = CompressedAudio.from_record(replace(record, headers=headers))
        assert isinstance(rejection, Rejection)
        assert rejection.field == name


def test_a_changed_file_is_noticed() -> None:
    rejection = CompressedAudio.from_record(replace(COMPRESSED.to_record(), value=b"OggT"))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("DigestMismatch", "value")


@pytest.mark.parametrize("value", [None, b""])
def test_a_result_has_a_file(value: bytes | None) -> None:
    rejection = CompressedAudio.from_record(replace(COMPRESSED.to_record(), value=value))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("EmptyValue", "value")


def test_a_result_by_reference_has_digest_and_size_of_its_object_and_no_value() -> None:
    record = COMPRESSED_BY_REFERENCE.to_record()
    result = CompressedAudio.from_record(replace(record, value=None))
    assert result == COMPRESSED_BY_REFERENCE
    assert isinstance(result, CompressedAudio)
    assert (result.sha256, result.compressed_bytes) == (COMPRESSED_BY_REFERENCE.data_sha256, 5_318_204)
    assert (COMPRESSED.compressed_bytes, result.original_bytes) == (4, 2**31)
    rejection = CompressedAudio.from_record(replace(record, value=b"OggS"))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("ValueAndReference", "ce_dataref")


@pytest.mark.parametrize("name", ["ce_sha256", "ce_databytes"])
def test_what_a_reference_needs_is_required(name: str) -> None:
    record = COMPRESSED_BY_REFERENCE.to_record()
    without = tuple(header for header in record.headers if header[0] != name)
    for broken in ((), ((name, b"0"),)):
        rejection = CompressedAudio.from_record(replace(record, headers=without + broken))
        assert isinstance(rejection, Rejection)
        assert rejection.field == name


def test_key_must_be_the_call_id() -> None:
    rejection = CompressedAudio.from_record(replace(COMPRESSED.to_record(), key=b"call-2"))
    assert isinstance(rejection, Rejection)
    assert rejection.field == "key"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_level", b"6"),
        ("ce_quality", b"5.01"),
        ("ce_quality", b"nan"),
        ("ce_cache", b"maybe"),
        ("ce_pcmsha256", b"ABC"),
        ("ce_sourceoffset", b"9223372036854775808"),
    ],
)
def test_values_out_of_range_are_rejected(name: str, value: bytes) -> None:
    record = COMPRESSED.to_record()
    headers = tuple((n, value if n == name else v) for n, v in record.headers)
    rejection = CompressedAudio.from_record(replace(record, headers=headers))
    assert isinstance(rejection, Rejection)
    assert rejection.field == name


def test_ids_are_deterministic_and_unambiguous() -> None:
    assert derive_id("/pbx", "1", "opus-3") == derive_id("/pbx", "1", "opus-3")
    others = [derive_id("/pbx1", "", "opus-3"), derive_id("/pbx", "1o", "pus-3"), derive_id("/pbx", "2", "opus-3")]
    assert len({COMPRESSED.id, *others}) == 4
