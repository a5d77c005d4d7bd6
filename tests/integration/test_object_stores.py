"""What stores promise, shown by a directory and by a genuine S3 server alike."""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.stores.local import LocalStores
from schemas import Rejection
from streams.stores import ObjectReference, ObjectRefusedError, Stores, StoresConfiguration, content_key
from streams.stores.connecting import PART
from tests.support.object_stores import stores_of, unique_prefix

CLOCKS_DIFFER = timedelta(seconds=2)  # S3 tells whole seconds


@pytest.fixture(params=["directory", "S3"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "directory":
        made = Stores.of(StoresConfiguration.parse(f"file://{tmp_path}/stored"))
    else:
        servers: LocalStores = request.getfixturevalue("object_stores")
        made = stores_of(servers)
    yield made
    made.close()


@pytest.fixture
def prefix() -> str:
    return unique_prefix()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def code(result: object) -> str:
    assert isinstance(result, Rejection), result
    assert result.stage == "fetch"
    return result.code


@pytest.mark.parametrize("size", [1, 1000, PART, PART + 1, 2 * PART + 7])
def test_what_is_put_is_read(stores: Stores, prefix: str, tmp_path: Path, size: int) -> None:
    content = secrets.token_bytes(size)
    reference = stores.put(f"{prefix}/{digest(content)}", content)
    assert stores.size(reference) == size
    assert stores.read(reference, limit=size, sha256=digest(content)) == content
    assert b"".join(stores.stream(reference, sha256=digest(content))) == content
    assert stores.download(reference, tmp_path / "out", limit=size, sha256=digest(content)) == size
    assert (tmp_path / "out").read_bytes() == content


def test_a_file_is_put_as_its_bytes_are(stores: Stores, prefix: str, tmp_path: Path) -> None:
    content = secrets.token_bytes(PART + 100)
    (tmp_path / "in").write_bytes(content)
    assert stores.read(stores.put(f"{prefix}/file", tmp_path / "in"), limit=len(content)) == content


def test_an_empty_object_is_empty(stores: Stores, prefix: str) -> None:
    reference = stores.put(f"{prefix}/empty", b"")
    assert stores.read(reference, limit=1, sha256=digest(b"")) == b""
    assert stores.size(reference) == 0


def test_a_reference_leads_back_to_its_object(stores: Stores, prefix: str) -> None:
    reference = stores.put(f"{prefix}/a b+c=d~/ä%20'.wav", b"a clip")
    assert stores.reference(reference.text) == reference
    assert stores.read(reference, limit=100) == b"a clip"


def test_content_is_put_again_and_its_time_is_new(stores: Stores, prefix: str) -> None:
    key = f"{prefix}/{content_key(digest(b'a clip'))}"
    begun = datetime.now(UTC)
    assert stores.put(key, b"a clip") == stores.put(key, b"a clip")
    [stored] = stores.list(prefix)
    assert stored.modified >= begun - CLOCKS_DIFFER


def test_no_such_object(stores: Stores, prefix: str, tmp_path: Path) -> None:
    nothing = ObjectReference(stores.put(f"{prefix}/something", b"x").store, f"{prefix}/nothing")
    assert code(stores.read(nothing, limit=10)) == "ObjectMissing"
    assert code(stores.size(nothing)) == "ObjectMissing"
    assert code(stores.download(nothing, tmp_path / "out", limit=10)) == "ObjectMissing"
    with pytest.raises(ObjectRefusedError):
        next(stores.stream(nothing))


def test_an_object_that_is_too_large_is_not_read(stores: Stores, prefix: str) -> None:
    reference = stores.put(f"{prefix}/large", bytes(1001))
    assert code(stores.read(reference, limit=1000)) == "ObjectTooLarge"


def test_an_object_with_another_digest_has_changed(stores: Stores, prefix: str) -> None:
    reference = stores.put(f"{prefix}/changed", b"other bytes")
    result = stores.read(reference, limit=100, sha256=digest(b"a clip"))
    assert code(result) == "ObjectChanged"


def test_an_object_that_is_replaced_while_it_is_read_has_changed(stores: Stores, prefix: str) -> None:
    reference = stores.put(f"{prefix}/replaced", bytes(PART + 10))
    parts = stores.stream(reference)
    next(parts)
    stores.put(reference.key, secrets.token_bytes(PART + 20))
    with pytest.raises(ObjectRefusedError) as raised:
        next(parts)
    assert raised.value.rejection.code == "ObjectChanged"


def test_everything_below_a_prefix_is_listed_over_all_pages(
    stores: Stores, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.stores.listing._PAGE", 3)
    keys = {f"{prefix}/{folder}/{number}" for folder in ("a", "b") for number in range(5)}
    for key in [*keys, f"{prefix}c/other"]:
        stores.put(key, key.encode())
    found = list(stores.list(prefix))
    assert {one.reference.key: one.size for one in found} == {key: len(key) for key in keys}
    assert len(found) == len(keys)


def test_what_is_deleted_is_gone_and_may_be_deleted_again(stores: Stores, prefix: str) -> None:
    reference = stores.put(f"{prefix}/gone", b"x")
    stores.delete(reference)
    stores.delete(reference)
    assert code(stores.size(reference)) == "ObjectMissing"
    assert list(stores.list(prefix)) == []
