"""What every key store has to do, in a file and in a token of a PKCS#11 module."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.security.sealing.key_store import FIRST_EPOCH, INDEX_EPOCH, KeyStore, KeyStoreError
from streams.security.sealing.key_stores import key_store_at, make_key_store
from tests.support.softhsm import SoftHsm

NewAddress = Callable[[], str]


@pytest.fixture(params=["file", "pkcs11"])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> NewAddress:
    if request.param == "file":
        return lambda: f"file://{tmp_path}/keys"
    softhsm: SoftHsm = request.getfixturevalue("softhsm")
    return softhsm.new_address


@pytest.fixture
def address(new_address: NewAddress) -> str:
    return new_address()


@pytest.fixture
def store(address: str) -> KeyStore:
    return make_key_store(address)


def test_a_new_one_has_an_index_key_and_a_first_epoch(store: KeyStore) -> None:
    assert store.epochs() == (FIRST_EPOCH,)
    assert len(store.id) == 16
    keys = {store.read(INDEX_EPOCH), store.read(FIRST_EPOCH)}
    assert [len(key) for key in keys] == [32, 32]


def test_it_is_the_same_for_whoever_opens_it_again(address: str, store: KeyStore) -> None:
    again = key_store_at(address)
    assert (again.id, again.read(FIRST_EPOCH)) == (store.id, store.read(FIRST_EPOCH))


def test_what_is_there_is_never_replaced(address: str, store: KeyStore) -> None:
    with pytest.raises(KeyStoreError, match="is there already"):
        make_key_store(address)
    assert key_store_at(address).id == store.id


def test_without_one_nothing_opens(address: str) -> None:
    with pytest.raises(KeyStoreError, match=r"No such file|has no key store"):
        key_store_at(address)


def test_a_destroyed_key_is_gone_and_the_others_stay(store: KeyStore) -> None:
    index, first = store.read(INDEX_EPOCH), store.read(FIRST_EPOCH)
    store.create(2)
    second = store.read(2)
    store.destroy(FIRST_EPOCH)
    store.destroy(FIRST_EPOCH)
    assert store.epochs() == (2,)
    assert (store.read(INDEX_EPOCH), store.read(2)) == (index, second)
    assert second != first
    with pytest.raises(KeyStoreError, match="no key of epoch 1"):
        store.read(FIRST_EPOCH)


def test_others_see_a_change_at_once(address: str, store: KeyStore) -> None:
    other = key_store_at(address)
    store.create(2)
    assert other.epochs() == (1, 2)
    assert other.read(2) == store.read(2)
    store.destroy(1)
    assert other.epochs() == (2,)


def test_an_epoch_is_never_made_a_second_time(store: KeyStore) -> None:
    store.create(2)
    store.create(3)
    store.destroy(2)
    for epoch in (1, 2, 3):
        with pytest.raises(KeyStoreError, match="not later"):
            store.create(epoch)


def test_of_many_that_make_an_epoch_at_once_one_does(address: str, store: KeyStore) -> None:
    def attempt(one: KeyStore) -> bool:
        try:
            one.create(2)
        except KeyStoreError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, [key_store_at(address) for _ in range(4)])) == 1
    assert store.epochs() == (1, 2)


def test_turns_go_on_for_years(store: KeyStore) -> None:
    for epoch in range(2, 100):
        store.create(epoch)
        store.destroy(epoch - 1)
    assert store.epochs() == (99,)
    assert len(store.read(INDEX_EPOCH)) == 32


def test_the_index_key_is_not_destroyed(store: KeyStore) -> None:
    with pytest.raises(ValueError, match="outlives"):
        store.destroy(INDEX_EPOCH)


def test_two_installations_have_nothing_in_common(tmp_path: Path, softhsm: SoftHsm) -> None:
    stores = [make_key_store(one) for one in (f"file://{tmp_path}/a", f"file://{tmp_path}/b", softhsm.new_address())]
    assert len({one.id for one in stores}) == 3
    assert len({one.read(epoch) for one in stores for epoch in (INDEX_EPOCH, FIRST_EPOCH)}) == 6
