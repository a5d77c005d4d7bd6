import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from schemas import Rejection
from streams.stores import (
    ObjectReference,
    ObjectRefusedError,
    Stores,
    StoresConfiguration,
    StoreUnavailableError,
    content_key,
)
from streams.stores.connecting import PART
from streams.stores.failures import StoreFaultError

CONTENT = b"a clip"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY = content_key(DIGEST)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores.of(StoresConfiguration.parse(f"file://{tmp_path}/stored"))
    yield made
    made.close()


def code(result: object) -> str:
    assert isinstance(result, Rejection), result
    assert result.stage == "fetch"
    return result.code


def test_a_symbolic_link_out_of_the_directory_is_no_object(stores: Stores, tmp_path: Path) -> None:
    stores.put(KEY, CONTENT)
    (tmp_path / "secret").write_text("of somebody else")
    (tmp_path / "stored" / "link").symlink_to(tmp_path / "secret")
    assert code(stores.read(ObjectReference(f"file://{tmp_path}/stored", "link"), limit=100)) == "ObjectMissing"


def test_symbolic_links_in_a_circle_are_no_object(stores: Stores, tmp_path: Path) -> None:
    stores.put(KEY, CONTENT)
    (tmp_path / "stored" / "circle").symlink_to(tmp_path / "stored" / "circle")
    assert code(stores.read(ObjectReference(f"file://{tmp_path}/stored", "circle"), limit=100)) == "ObjectMissing"


def test_a_pipe_is_no_object_and_nothing_waits_for_it(stores: Stores, tmp_path: Path) -> None:
    stores.put(KEY, CONTENT)
    os.mkfifo(tmp_path / "stored" / "pipe")
    assert code(stores.read(ObjectReference(f"file://{tmp_path}/stored", "pipe"), limit=100)) == "ObjectMissing"


def test_a_stream_tells_a_wrong_digest_after_its_last_part(stores: Stores) -> None:
    large = bytes(PART + 1)
    parts = stores.stream(stores.put("large", large), sha256=DIGEST)
    assert [len(next(parts)), len(next(parts))] == [PART, 1]
    with pytest.raises(ObjectRefusedError) as raised:
        next(parts)
    assert raised.value.rejection.code == "ObjectChanged"


def test_the_directory_is_for_its_owner_alone(stores: Stores, tmp_path: Path) -> None:
    stores.put(KEY, CONTENT)
    assert (tmp_path / "stored").stat().st_mode & 0o777 == 0o700


def test_a_file_that_alone_may_not_be_read_is_refused_and_a_directory_of_such_files_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.stores.pool.DEADLINE", 1.0)
    monkeypatch.setattr("streams.stores.pool.REQUEST_TIMEOUT", 0.5)
    with tempfile.TemporaryDirectory() as text, ExitStack() as ends:
        Path(text).chmod(0o711)  # the other user may go through it
        stored = Path(text) / "stored"
        stores = Stores.of(StoresConfiguration.parse(f"file://{stored}"))
        ends.callback(stores.close)
        mine, other = stores.put(KEY, CONTENT), stores.put("other", CONTENT)
        for path in (stored, *stored.rglob("*")):
            path.chmod(0o755)
        (stored / KEY).chmod(0o000)
        with _nobody():
            assert code(stores.read(mine, limit=100)) == "ForbiddenObject"
            assert stores.read(other, limit=100) == CONTENT
        (stored / "other").chmod(0o000)
        with _nobody(), pytest.raises(StoreUnavailableError, match="Permission denied"):
            stores.read(mine, limit=100)


@contextmanager
def _nobody() -> Iterator[None]:
    """Root may read every file: be somebody else for a moment."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.mark.parametrize("empty", [True, False], ids=["another directory is there", "none is there"])
def test_what_an_unmounted_disk_has_is_not_called_missing(stores: Stores, tmp_path: Path, empty: bool) -> None:
    reference = stores.put(KEY, CONTENT)
    (tmp_path / "stored").rename(tmp_path / "elsewhere")
    if empty:
        (tmp_path / "stored").mkdir()
    [endpoint] = stores.pools[0].endpoints
    problem = endpoint.problem()
    assert problem is not None
    assert ("another directory" if empty else "not there any more") in problem.reason
    with pytest.raises(StoreFaultError):
        endpoint.client()
    if empty:
        (tmp_path / "stored").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "stored")
    assert endpoint.problem() is None
    assert stores.read(reference, limit=100) == CONTENT
