from pathlib import Path

import pytest

from scripts.validation.finding import Status
from scripts.validation.stores import check_stores
from streams.stores import StoresConfiguration


async def test_a_store_that_works_passes_and_keeps_nothing(tmp_path: Path) -> None:
    findings = await check_stores(StoresConfiguration.parse(f"file://{tmp_path}/stored"))
    assert [one.status for one in findings] == [Status.PASSED, Status.PASSED]
    assert [path for path in (tmp_path / "stored").rglob("*") if path.is_file()] == []


async def test_a_store_that_cannot_be_written_fails_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.stores.pool.DEADLINE", 8.2)  # a little more than one request takes
    (tmp_path / "stored").write_text("no directory")
    configuration = StoresConfiguration.parse(f"file://{tmp_path}/stored")
    findings = await check_stores(configuration)
    assert {one.status for one in findings} == {Status.FAILED}
    assert all("cannot be created" in one.detail for one in findings)


async def test_without_stores_nothing_is_checked() -> None:
    assert [one.status for one in await check_stores(None)] == [Status.NOT_CHECKED]
