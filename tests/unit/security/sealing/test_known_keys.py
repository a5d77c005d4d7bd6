import os
from pathlib import Path

import pytest

from schemas import Rejection
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStoreError
from streams.security.sealing.known_keys import Epoch, KnownKeys
from streams.security.sealing.missing import Missing
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import WrappedKey, erased_mark, parse
from tests.support.keys import OWNER, key_record, new_store

NOW_MS = 1_800_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> SlotFile:
    return new_store(tmp_path)


@pytest.fixture
def known(store: SlotFile) -> KnownKeys:
    keys = KnownKeys(lambda: store, now_ms=lambda: NOW_MS)
    keys.read_epochs()
    return keys


def added(known: KnownKeys, store: SlotFile, *, epoch: int = 0, expires_ms: int = 0) -> DataKey:
    key = DataKey.new()
    record = key_record(store, key, epoch=epoch, expires_ms=expires_ms)
    assert known.apply(record.key, record.value) is None
    return key


def test_a_key_is_found_by_its_id(known: KnownKeys, store: SlotFile) -> None:
    key = added(known, store)
    assert known.find(key.id) == key
    assert known.find(os.urandom(16)) is Missing.UNKNOWN
    assert len(known) == 1


def test_a_key_that_was_found_is_found_again_until_it_is_erased_or_expires(store: SlotFile) -> None:
    now = [NOW_MS]
    known = KnownKeys(lambda: store, now_ms=lambda: now[0])
    known.read_epochs()
    erased, expiring = added(known, store), added(known, store, expires_ms=NOW_MS + 1)
    for key in (erased, expiring):
        assert known.find(key.id) == known.find(key.id) == key
    now[0] += 1
    assert known.find(expiring.id) is Missing.EXPIRED
    known.apply(erased.id, erased_mark(1))
    assert known.find(erased.id) is Missing.ERASED


def test_a_key_that_was_found_is_gone_with_its_epoch(known: KnownKeys, store: SlotFile) -> None:
    key = added(known, store)
    assert known.find(key.id) == key
    store.create(2)
    known.read_epochs()
    assert known.find(key.id) == key
    store.destroy(1)
    known.read_epochs()
    assert known.find(key.id) is Missing.ERASED


def test_of_many_keys_that_were_found_the_last_are_kept_unwrapped(
    known: KnownKeys, store: SlotFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.security.sealing.known_keys._UNWRAPPED_LIMIT", 2)
    keys = [added(known, store) for _ in range(4)]
    assert [known.find(key.id) for key in [*keys, *keys]] == [*keys, *keys]


def test_an_erased_key_stays_erased_whatever_comes_later(known: KnownKeys, store: SlotFile) -> None:
    key = added(known, store)
    assert not known.is_erased(key.id)
    record = key_record(store, key)
    for value in (erased_mark(1), record.value, None):
        known.apply(key.id, value)
        assert known.find(key.id) is Missing.ERASED
        assert known.is_erased(key.id)


def test_a_key_expires_at_its_date(known: KnownKeys, store: SlotFile) -> None:
    assert known.find(added(known, store, expires_ms=NOW_MS).id) is Missing.EXPIRED
    assert isinstance(known.find(added(known, store, expires_ms=NOW_MS + 1).id), DataKey)


def test_what_is_gone_is_told_without_opening_a_key(known: KnownKeys, store: SlotFile) -> None:
    assert known.gone(os.urandom(16)) is None
    assert known.gone(added(known, store).id) is None
    assert known.gone(added(known, store, expires_ms=NOW_MS + 1).id) is None
    assert known.gone(added(known, store, expires_ms=NOW_MS).id) is Missing.EXPIRED
    key = added(known, store)
    known.apply(key.id, erased_mark(NOW_MS))
    assert known.gone(key.id) is Missing.ERASED


def test_a_key_of_another_installation_cannot_be_opened(known: KnownKeys, tmp_path: Path) -> None:
    other = SlotFile.make(tmp_path / "other")
    assert known.find(added(known, other).id) is Missing.NO_ACCESS


def test_a_key_store_of_another_installation_is_refused_until_the_right_one_is_there(
    store: SlotFile, tmp_path: Path
) -> None:
    stores = [SlotFile.make(tmp_path / "other")]
    known = KnownKeys(lambda: stores[-1])
    known.read_epochs()
    known.require_own_store()  # there are no keys yet
    key = added(known, store)
    with pytest.raises(KeyStoreError, match=f"is {stores[0].id.hex()}, and all keys are under {store.id.hex()}"):
        known.require_own_store()
    stores.append(store)
    known.read_epochs()
    known.require_own_store()
    assert known.find(key.id) == key
    assert isinstance(known.newest, Epoch)
    assert known.newest.store == store.id


def test_another_key_store_is_taken_before_there_are_keys(store: SlotFile, tmp_path: Path) -> None:
    place = tmp_path / "place"
    SlotFile.make(place)
    known = KnownKeys(lambda: SlotFile(place))
    known.read_epochs()
    place.write_bytes(store.path.read_bytes())
    known.read_epochs()
    key = added(known, store)
    assert known.find(key.id) == key


def test_the_epochs_are_known_all_the_time(store: SlotFile) -> None:
    class Slow(SlotFile):
        def epochs(self) -> tuple[int, ...]:
            seen.append(known.newest)
            return super().epochs()

    seen: list[Epoch | None] = []
    known = KnownKeys(lambda: Slow(store.path))
    for _ in range(3):
        known.read_epochs()
    assert [one is None for one in seen] == [True, False, False]


def test_keys_of_another_installation_beside_own_ones_stop_nothing(
    known: KnownKeys, store: SlotFile, tmp_path: Path
) -> None:
    added(known, store)
    added(known, SlotFile.make(tmp_path / "other"))
    known.require_own_store()


def test_an_old_copy_of_the_key_store_is_refused(store: SlotFile, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(store.path.read_bytes())
    copy.chmod(0o600)
    store.create(2)
    known = KnownKeys(lambda: SlotFile(copy))
    known.read_epochs()
    first = added(known, store, epoch=1)
    known.require_own_store()
    turned = key_record(store, first)
    known.apply(turned.key, turned.value)
    with pytest.raises(KeyStoreError, match="is an old copy"):
        known.require_own_store()
    copy.write_bytes(store.path.read_bytes())
    known.read_epochs()
    known.require_own_store()


def test_keys_of_destroyed_epochs_alone_stop_nothing(known: KnownKeys, store: SlotFile) -> None:
    added(known, store)
    store.create(2)
    store.destroy(1)
    known.read_epochs()
    known.require_own_store()


def test_keys_under_a_destroyed_epoch_are_erased_and_under_an_unknown_one_out_of_reach(
    known: KnownKeys, store: SlotFile
) -> None:
    first = added(known, store)
    store.create(2)
    second = key_record(store, DataKey.new())
    assert known.needs_epochs(second.value)
    known.apply(second.key, second.value)
    assert known.find(second.key or b"") is Missing.NO_ACCESS
    known.read_epochs()
    assert not known.needs_epochs(second.value)
    assert known.find(first.id) == first
    assert isinstance(known.find(second.key or b""), DataKey)
    store.destroy(1)
    known.read_epochs()
    assert (known.find(first.id), known.gone(first.id)) == (Missing.ERASED, Missing.ERASED)
    assert known.gone(second.key or b"") is None


def test_a_record_that_is_none_changes_nothing(known: KnownKeys, store: SlotFile) -> None:
    key = added(known, store)
    for key_id, value in ((key.id, b"rubbish"), (key.id[:-1], erased_mark(1)), (None, None)):
        assert isinstance(known.apply(key_id, value), Rejection)
    assert known.find(key.id) == key


def test_a_changed_record_opens_nothing(known: KnownKeys, store: SlotFile) -> None:
    key = DataKey.new()
    value = key_record(store, key).value or b""
    known.apply(key.id, value[:-1] + bytes([value[-1] ^ 1]))
    assert known.find(key.id) is Missing.NO_ACCESS


def test_a_key_store_may_come_later(tmp_path: Path) -> None:
    known = KnownKeys(lambda: SlotFile(tmp_path / "keys"))
    with pytest.raises(KeyStoreError):
        known.read_epochs()
    assert known.newest is None
    new_store(tmp_path)
    known.read_epochs()
    assert known.newest is not None


def test_new_keys_are_wrapped_under_the_newest_epoch(known: KnownKeys, store: SlotFile) -> None:
    store.create(2)
    known.read_epochs()
    newest, key = known.newest, DataKey.new()
    assert isinstance(newest, Epoch)
    value = newest.wrap(key, OWNER, created_ms=1, expires_ms=0)
    wrapped = parse(value)
    assert isinstance(wrapped, WrappedKey)
    assert (wrapped.epoch, wrapped.store) == (2, store.id)
    known.apply(key.id, value)
    assert known.find(key.id) == key
    assert not any(one.hex() in repr(newest) for one in (newest.key, newest.index_key))


def test_keys_are_counted_by_what_a_turn_and_an_erasure_leave(known: KnownKeys, store: SlotFile) -> None:
    keys = [added(known, store) for _ in range(3)]
    assert known.counts == (3, 0, 0)
    store.create(2)
    known.read_epochs()
    assert known.counts == (0, 3, 0)
    moved = key_record(store, keys[0], epoch=2)
    for _ in range(2):
        known.apply(moved.key, moved.value)
        known.apply(keys[1].id, erased_mark(1))
    assert known.counts == (1, 1, 1)
    known.apply(keys[2].id, None)
    assert known.counts == (1, 0, 1)


def test_the_epochs_age_is_that_of_its_first_key(known: KnownKeys, store: SlotFile) -> None:
    assert known.epoch_age == 0
    for appended_ms in (NOW_MS - 3_000, NOW_MS - 5_000, NOW_MS - 1_000):
        record = key_record(store, DataKey.new())
        known.apply(record.key, record.value, appended_ms)
    assert known.epoch_age == 5
    store.create(2)
    known.read_epochs()
    assert known.epoch_age == 0
