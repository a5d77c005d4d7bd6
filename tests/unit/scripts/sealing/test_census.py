import os
from pathlib import Path

from scripts.sealing.census import KeyCensus, census_of
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import erased_mark
from tests.support.keys import key_record, new_store

NOW_MS = 1_800_000_000_000


def value(store: KeyStore, expires_ms: int = 0) -> bytes:
    return key_record(store, DataKey.new(), expires_ms=expires_ms).value or b""


def test_keys_are_counted_by_what_can_be_done_with_them(tmp_path: Path) -> None:
    store, other = new_store(tmp_path), SlotFile.make(tmp_path / "other")
    values = [value(store), value(store), value(store, NOW_MS), value(other), erased_mark(1), b"rubbish"]
    store.create(2)
    values.append(value(store, NOW_MS + 1))
    census = census_of({os.urandom(16): one for one in values}, NOW_MS)
    assert (census.expired, census.erased, census.damaged) == (1, 1, 1)
    assert census.of_store(store.id) == {1: 2, 2: 1}
    assert census.of_others(store.id) == {other.id: 1}
    assert census.of_others() == {store.id: 3, other.id: 1}


def test_no_keys_are_none() -> None:
    assert census_of({}, NOW_MS) == KeyCensus()
