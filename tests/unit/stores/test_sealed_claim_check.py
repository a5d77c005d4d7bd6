"""Objects in a store are sealed and opened again; the digest is that of what lies there."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import CompressedAudio, RawAudio, Rejection
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing
from streams.security.sealing.objects import MAGIC, sealed_object_bytes
from streams.stores import ObjectRefusedError, Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from streams.stores.content_ranges import measure, read_range
from tests.support.events import COMPRESSED, RAW

LARGE = os.urandom(2_100_000)
KEY = DataKey.new()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "stored"


@pytest.fixture
def without_keys(directory: Path) -> Iterator[ClaimCheck]:
    stores = Stores.of(replace(StoresConfiguration.parse(f"file://{directory}"), checked=False))
    yield ClaimCheck(stores, inline_limit=1000)
    stores.close()


@pytest.fixture
def claim_check(without_keys: ClaimCheck) -> ClaimCheck:
    return replace(without_keys, find=lambda key_id: KEY if key_id == KEY.id else Missing.UNKNOWN)


def erased(claim_check: ClaimCheck) -> ClaimCheck:
    return replace(claim_check, find=lambda _: Missing.ERASED)


def stored_file(directory: Path) -> Path:
    [path] = [one for one in directory.rglob("*") if one.is_file()]
    return path


@pytest.mark.parametrize("of_file", [False, True])
def test_what_is_stored_is_sealed_and_has_the_digest_and_size_of_its_sealed_bytes(
    claim_check: ClaimCheck, directory: Path, tmp_path: Path, of_file: bool
) -> None:
    content = tmp_path / "content"
    content.write_bytes(LARGE)

    result = claim_check.store_result(COMPRESSED, content if of_file else LARGE, key=KEY)

    sealed = stored_file(directory).read_bytes()
    assert sealed.startswith(MAGIC + KEY.id)
    assert LARGE[5000:5064] not in sealed
    assert result.data_sha256 == hashlib.sha256(sealed).hexdigest() == stored_file(directory).name
    assert result.compressed_bytes == len(sealed) == sealed_object_bytes(len(LARGE))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content", "stored"], "no sealed file is left beside it"


@pytest.mark.parametrize("of_file", [False, True])
def test_what_was_sealed_comes_back_in_memory_as_a_file_and_in_parts(
    claim_check: ClaimCheck, tmp_path: Path, of_file: bool
) -> None:
    content, path = tmp_path / "content", tmp_path / "fetched"
    content.write_bytes(LARGE)
    result = claim_check.store_result(COMPRESSED, content if of_file else LARGE, key=KEY)
    event = claim_check.store_input(RAW, content if of_file else LARGE, key=KEY)
    assert event.data_sha256 != result.data_sha256, "each object has nonces of its own"

    assert claim_check.read_result(result) == LARGE
    assert claim_check.fetch_result(result, path) == len(LARGE)
    assert path.read_bytes() == LARGE
    path.unlink()
    assert claim_check.fetch_input(event, path) == len(LARGE)
    assert path.read_bytes() == LARGE
    parts = claim_check.stream(result.data_ref or "", result.data_sha256)
    assert not isinstance(parts, Rejection)
    assert b"".join(parts) == LARGE


def test_small_audio_stays_in_its_record_in_clear_for_whoever_seals_the_record(claim_check: ClaimCheck) -> None:
    assert claim_check.store_result(COMPRESSED, b"OggS", key=KEY).audio == b"OggS"
    assert claim_check.store_input(RAW, bytes(320), key=KEY) == RAW


def codes(claim_check: ClaimCheck, event: RawAudio, result: CompressedAudio, path: Path) -> set[str]:
    """The answers of all ways to read an object."""
    found = [
        claim_check.read_result(result),
        claim_check.fetch_result(result, path),
        claim_check.fetch_input(event, path),
    ]
    parts = claim_check.stream(result.data_ref or "", result.data_sha256)
    assert not isinstance(parts, Rejection)
    with pytest.raises(ObjectRefusedError) as raised:
        b"".join(parts)
    assert all(isinstance(one, Rejection) for one in found)
    return {one.code for one in (*found, raised.value.rejection) if isinstance(one, Rejection)}


def test_without_a_key_every_way_to_read_says_why_and_leaves_nothing_in_clear(
    claim_check: ClaimCheck, without_keys: ClaimCheck, tmp_path: Path
) -> None:
    path = tmp_path / "fetched"
    result = claim_check.store_result(COMPRESSED, LARGE, key=KEY)
    event = claim_check.store_input(RAW, LARGE, key=KEY)

    assert codes(without_keys, event, result, path) == {"SealedNoAccess"}
    assert codes(erased(claim_check), event, result, path) == {"SealedErased"}
    assert not list(tmp_path.glob(".*")), "no half opened file"


def test_a_changed_sealed_object_is_told_by_its_digest_before_it_is_opened(
    claim_check: ClaimCheck, directory: Path, tmp_path: Path
) -> None:
    result = claim_check.store_result(COMPRESSED, LARGE, key=KEY)
    sealed = bytearray(stored_file(directory).read_bytes())
    sealed[1_500_000] ^= 1
    stored_file(directory).write_bytes(sealed)

    for found in (claim_check.read_result(result), claim_check.fetch_result(result, tmp_path / "fetched")):
        assert isinstance(found, Rejection)
        assert found.code == "ObjectChanged"
    undigested = claim_check.fetch_result(replace(result, data_sha256=None), tmp_path / "fetched")
    assert isinstance(undigested, Rejection)
    assert undigested.code == "SealedDamaged"


def test_a_sealed_object_of_nothing_is_empty(claim_check: ClaimCheck, tmp_path: Path) -> None:
    stored = claim_check.store_sealed(b"", KEY)

    found = claim_check.fetch_input(replace(RAW, audio=b"", data_ref=stored.data_ref), tmp_path / "fetched")

    assert isinstance(found, Rejection)
    assert found.code == "EmptyObject"


def part_of(claim_check: ClaimCheck, data_ref: str, start: int, end: int, sealed: int | None) -> bytes:
    return b"".join(read_range(claim_check.stores, claim_check.find, data_ref, start, end, sealed=sealed))


def test_a_part_of_an_object_is_read_whether_it_is_sealed_or_not(claim_check: ClaimCheck) -> None:
    for key in (None, KEY):
        data_ref = claim_check.store_result(COMPRESSED, LARGE, key=key).data_ref
        assert data_ref is not None
        sizes = measure(claim_check.stores, data_ref)
        assert not isinstance(sizes, Rejection)
        assert sizes.content == len(LARGE)
        assert sizes.sealed == (None if key is None else sealed_object_bytes(len(LARGE)))
        part = part_of(claim_check, data_ref, 1_000_000, 2_000_000, sizes.sealed)
        assert part == LARGE[1_000_000:2_000_000]
        if key is not None:
            with pytest.raises(ObjectRefusedError) as raised:
                part_of(erased(claim_check), data_ref, 0, 10, sizes.sealed)
            assert raised.value.rejection.code == "SealedErased"
    missing = measure(claim_check.stores, f"{claim_check.stores.pools[0].store}/sha256/00/{'0' * 64}")
    assert isinstance(missing, Rejection)
    assert missing.code == "ObjectMissing"
