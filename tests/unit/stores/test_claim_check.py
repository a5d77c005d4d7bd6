"""Audio goes into a record or into a store, and comes back from either; what is wrong with a reference is told."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from schemas import Rejection
from streams.stores import ObjectRefusedError, Stores, StoresConfiguration, content_key
from streams.stores.claim_check import ClaimCheck
from tests.support.events import COMPRESSED, COMPRESSED_BY_REFERENCE, RAW, RAW_BY_REFERENCE

LIMIT = 1000
LARGE = bytes(range(256)) * 8
DIGEST = hashlib.sha256(LARGE).hexdigest()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "stored"


@pytest.fixture
def claim_check(directory: Path) -> Iterator[ClaimCheck]:
    stores = Stores.of(replace(StoresConfiguration.parse(f"file://{directory}"), checked=False))
    yield ClaimCheck(stores, inline_limit=LIMIT, max_size=3 * LIMIT)
    stores.close()


def as_file(content: bytes, directory: Path) -> Path:
    path = directory / "content"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("of_file", [False, True])
def test_small_audio_is_the_value_and_large_audio_an_object_named_by_its_content(
    claim_check: ClaimCheck, directory: Path, tmp_path: Path, of_file: bool
) -> None:
    def content(audio: bytes) -> bytes | Path:
        return as_file(audio, tmp_path) if of_file else audio

    assert claim_check.store_input(RAW_BY_REFERENCE, content(bytes(LIMIT))) == replace(RAW, audio=bytes(LIMIT))
    assert claim_check.store_result(COMPRESSED_BY_REFERENCE, content(b"OggS")).audio == b"OggS"
    assert not directory.exists(), "nothing was stored"
    event = claim_check.store_input(RAW, content(LARGE))
    assert event == replace(RAW, audio=b"", data_ref=f"file://{directory}/{content_key(DIGEST)}", data_sha256=DIGEST)
    result = claim_check.store_result(COMPRESSED, content(LARGE))
    assert (result.audio, result.data_ref, result.sha256) == (b"", event.data_ref, DIGEST)
    assert result.compressed_bytes == len(LARGE)
    assert (directory / content_key(DIGEST)).read_bytes() == LARGE


def test_audio_comes_back_from_the_value_and_from_the_store(claim_check: ClaimCheck, tmp_path: Path) -> None:
    path = tmp_path / "fetched"
    for audio in (b"OggS", LARGE):
        assert claim_check.fetch_input(claim_check.store_input(RAW, audio), path) == len(audio)
        assert path.read_bytes() == audio
        result = claim_check.store_result(COMPRESSED, audio)
        assert claim_check.read_result(result) == audio
        assert claim_check.fetch_result(result, path) == len(audio)
        assert path.read_bytes() == audio


def test_a_known_digest_is_not_computed_again(claim_check: ClaimCheck) -> None:
    result = claim_check.store_result(COMPRESSED, LARGE, sha256="0" * 64)
    assert result.data_sha256 == "0" * 64


@pytest.mark.parametrize(
    "reference",
    [
        "file:///etc/passwd",
        "file://{directory}/../secret",
        "file://{directory}/a/../../secret",
        "file://{directory}/%2e%2e/secret",
        "file://{directory}/%2E%2E%2Fsecret",
        "file://{directory}//etc/passwd",
        "file://{directory}/%2Fetc%2Fpasswd",
        "file://{directory}",
        "file://{directory}/",
        "file://{directory}x/secret",
        "file://localhost{directory}/secret",
        "file:{directory}/secret",
        "FILE://{directory}/secret",
        "file://{directory}/secret?versionId=1",
        "file://{directory}/secret#part",
        "file://{directory}/a%00b",
        "file://{directory}/a%5Cb",
        "s3://other-bucket/key",
        "s3://user:password@other-bucket/key",
        "http://169.254.169.254/latest/meta-data",
        "https://example.org/call.wav",
        "ftp://example.org/call.wav",
        "data:audio/wav;base64,AAAA",
        "//example.org/call.wav",
        "{directory}/secret",
        "secret",
        "%2e%2e/secret",
    ],
)
def test_only_objects_of_configured_stores_can_be_named(
    claim_check: ClaimCheck, directory: Path, tmp_path: Path, reference: str
) -> None:
    (tmp_path / "secret").write_bytes(b"of somebody else")
    path = tmp_path / "fetched"
    event = replace(RAW_BY_REFERENCE, data_ref=reference.format(directory=directory), data_sha256=None)
    rejection = claim_check.fetch_input(event, path)
    assert isinstance(rejection, Rejection)
    assert (rejection.stage, rejection.code, rejection.field) == ("fetch", "ForbiddenReference", "ce_dataref")
    assert rejection.message.isprintable()
    assert not path.exists()


@pytest.mark.parametrize(
    "reference", ["s3://hotel-audio.evil.example/key", "s3://hotel-audio@evil/key", "s3://hotel-audio:80/k"]
)
def test_another_bucket_whose_name_begins_alike_is_another_one(tmp_path: Path, reference: str) -> None:
    stores = Stores.of(StoresConfiguration.parse("s3://hotel-audio?endpoint=http://127.0.0.1:1"))
    rejection = ClaimCheck(stores).fetch_input(replace(RAW_BY_REFERENCE, data_ref=reference), tmp_path / "fetched")
    stores.close()
    assert isinstance(rejection, Rejection)
    assert rejection.code == "ForbiddenReference"


def test_a_link_out_of_the_directory_leads_nowhere(claim_check: ClaimCheck, directory: Path, tmp_path: Path) -> None:
    claim_check.store(LARGE)
    (tmp_path / "secret").write_bytes(b"of somebody else")
    (directory / "link").symlink_to(tmp_path / "secret")
    (directory / "folder").symlink_to(tmp_path)
    for name in ("link", "folder/secret"):
        event = replace(RAW_BY_REFERENCE, data_ref=f"file://{directory}/{name}", data_sha256=None)
        rejection = claim_check.fetch_input(event, tmp_path / "fetched")
        assert isinstance(rejection, Rejection)
        assert rejection.code == "ObjectMissing"


@pytest.mark.parametrize(
    ("content", "sha256", "code"),
    [
        (None, None, "ObjectMissing"),
        (b"", None, "EmptyObject"),
        (LARGE, hashlib.sha256(b"before").hexdigest(), "ObjectChanged"),
        (bytes(3 * LIMIT), None, None),
        (bytes(3 * LIMIT + 1), None, "ObjectTooLarge"),
    ],
)
def test_an_object_that_is_not_as_it_was_named_is_told(
    claim_check: ClaimCheck,
    directory: Path,
    tmp_path: Path,
    *,
    content: bytes | None,
    sha256: str | None,
    code: str | None,
) -> None:
    directory.mkdir(exist_ok=True)
    if content is not None:
        (directory / "call 1.wav").write_bytes(content)
    event = replace(RAW_BY_REFERENCE, data_ref=f"file://{directory}/{quote('call 1.wav')}", data_sha256=sha256)
    fetched = claim_check.fetch_input(event, tmp_path / "fetched")
    if code is None:
        assert fetched == 3 * LIMIT
    else:
        assert isinstance(fetched, Rejection)
        assert (fetched.stage, fetched.code, fetched.field) == ("fetch", code, "ce_dataref")
        assert str(directory) in fetched.reason


def test_a_result_is_not_read_beyond_the_size_that_it_states(claim_check: ClaimCheck, directory: Path) -> None:
    result = claim_check.store_result(COMPRESSED, LARGE)
    (directory / content_key(DIGEST)).write_bytes(LARGE + b"more")
    rejection = claim_check.read_result(result)
    assert isinstance(rejection, Rejection)
    assert rejection.code == "ObjectTooLarge"


def test_an_object_is_streamed_and_a_wrong_digest_told_at_its_end(claim_check: ClaimCheck) -> None:
    stored = claim_check.store(LARGE)
    parts = claim_check.stream(stored.data_ref, stored.sha256)
    assert not isinstance(parts, Rejection)
    assert b"".join(parts) == LARGE
    changed = claim_check.stream(stored.data_ref, "0" * 64)
    assert not isinstance(changed, Rejection)
    with pytest.raises(ObjectRefusedError, match="SHA-256"):
        list(changed)
    assert isinstance(claim_check.stream("file:///etc/passwd", None), Rejection)
