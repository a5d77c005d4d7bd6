import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.security.sealing.key_store import FIRST_EPOCH, INDEX_EPOCH, KeyStoreError
from streams.security.sealing.slot_file import SlotFile


def flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_it_is_for_its_owner_alone(path: Path) -> None:
    SlotFile.make(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_is_nowhere_in_the_file(path: Path) -> None:
    store = SlotFile.make(path)
    key = store.read(FIRST_EPOCH)
    assert key in path.read_bytes()
    inode = path.stat().st_ino
    store.create(2)
    store.destroy(FIRST_EPOCH)
    store.destroy(FIRST_EPOCH)
    assert key not in path.read_bytes()
    assert path.stat().st_ino == inode
    assert store.epochs() == (2,)
    with pytest.raises(KeyStoreError, match="no key of epoch 1"):
        store.read(FIRST_EPOCH)


def test_an_epoch_is_never_made_a_second_time(path: Path) -> None:
    store = SlotFile.make(path)
    store.create(2)
    store.destroy(2)
    for epoch in (1, 2):
        with pytest.raises(KeyStoreError, match="not later"):
            store.create(epoch)


def test_slots_are_used_again_when_their_keys_are_destroyed(path: Path) -> None:
    store = SlotFile.make(path)
    for epoch in range(2, 300):
        store.create(epoch)
        store.destroy(epoch - 1)
    assert store.epochs() == (299,)
    assert len(store.read(INDEX_EPOCH)) == 32


def test_it_says_when_no_slot_is_left(path: Path) -> None:
    store = SlotFile.make(path)
    for epoch in range(2, 63):
        store.create(epoch)
    with pytest.raises(KeyStoreError, match="all 63 slots"):
        store.create(63)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "is no key store"),
        (lambda content: b"x" * len(content), "is no key store"),
        (lambda content: content[:-1], "truncated"),
        (lambda content: content[:100], "truncated"),
        (lambda content: content + b"x", "bytes instead of"),
        (lambda content: flipped(content, 10), "header is damaged"),
        (lambda content: flipped(content, 70), "slot 0 is damaged"),
        (lambda content: flipped(content, -20), "slot 62 is damaged"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    SlotFile.make(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(KeyStoreError, match=message):
        SlotFile(path).epochs()


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="No such file"):
        SlotFile(tmp_path / "missing")
    with pytest.raises(KeyStoreError, match="is no file"):
        SlotFile(tmp_path)


def test_a_file_that_everybody_can_open_is_refused(path: Path) -> None:
    SlotFile.make(path)
    path.chmod(0o604)
    with pytest.raises(KeyStoreError, match="everybody"):
        SlotFile(path)


def test_a_file_that_vanishes_is_told(path: Path) -> None:
    store = SlotFile.make(path)
    path.unlink()
    for use in (store.epochs, lambda: store.read(1), lambda: store.create(2), lambda: store.destroy(1)):
        with pytest.raises(KeyStoreError, match="No such file"):
            use()


def test_a_file_that_gives_way_to_another_one_is_told(path: Path, tmp_path: Path) -> None:
    store = SlotFile.make(path)
    SlotFile.make(tmp_path / "other")
    (tmp_path / "other").replace(path)
    with pytest.raises(KeyStoreError, match="another installation"):
        store.epochs()


def test_those_who_change_it_wait_for_each_other(path: Path) -> None:
    store = SlotFile.make(path)
    with ThreadPoolExecutor(1) as pool:
        holder = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(holder, fcntl.LOCK_EX)
            creating = pool.submit(store.create, 2)
            assert store.epochs() == (1,)
            assert not creating.done()
        finally:
            os.close(holder)
        creating.result()
    assert store.epochs() == (1, 2)
