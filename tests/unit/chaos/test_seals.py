"""What the bench finds in the seals of outcomes."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from schemas import Record
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.objects import seal_object
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.slot_file import SlotFile
from tests.chaos.opening import Opener
from tests.chaos.records import ObservedRecord
from tests.chaos.seals import Seals, objects_in_clear
from tests.support.events import COMPRESSED
from tests.support.keys import key_record, new_store
from tests.unit.chaos.test_opening import observed

CLEAR = COMPRESSED.to_record()


@pytest.fixture
def store(tmp_path: Path) -> SlotFile:
    return new_store(tmp_path)


@pytest.fixture
def seals(store: SlotFile) -> Seals:
    return Seals(Opener(store.path))


def sealed(store: SlotFile) -> tuple[ObservedRecord, ObservedRecord]:
    """The record of a key and a result under it."""
    key = DataKey.new()
    return observed(key_record(store, key)), observed(seal_record(CLEAR, key))


def kinds(seals: Seals, keys: list[ObservedRecord], *outcomes: ObservedRecord) -> list[str]:
    return [one.kind for one in seals.unsealed(keys, outcomes, outcomes).problems]


def test_what_is_sealed_by_its_key_is_opened(seals: Seals, store: SlotFile) -> None:
    key, result = sealed(store)
    found = seals.unsealed([key], [result], [result])
    assert (found.outcomes, found.problems) == ([observed(CLEAR)], [])


def test_what_is_in_clear_is_found_also_in_aborted_transactions(seals: Seals) -> None:
    found = seals.unsealed([], [], [observed(CLEAR)])
    assert [one.kind for one in found.problems] == ["plaintext"]


def test_a_result_without_its_key_is_found(seals: Seals, store: SlotFile) -> None:
    assert kinds(seals, [], sealed(store)[1]) == ["damaged"]


def test_a_key_without_a_result_is_found_once(seals: Seals, store: SlotFile) -> None:
    assert kinds(seals, [sealed(store)[0]]) == ["keys"]
    assert kinds(seals, []) == []


def test_a_key_on_another_partition_is_found(seals: Seals, store: SlotFile) -> None:
    key, result = sealed(store)
    assert kinds(seals, [replace(key, partition=4)], result) == ["keys"]


def test_objects_are_opened_and_those_in_clear_are_found(store: SlotFile) -> None:
    key = DataKey.new()
    content, stored = b"fLaC" * 1000, b"".join(seal_object([b"fLaC" * 1000], key))
    seals = Seals(Opener(store.path), lambda one: replace(one, value=stored))
    headers = tuple(one for one in CLEAR.headers if one[0] != "ce_sha256")
    reference = Record(CLEAR.key, None, (*headers, ("ce_sha256", _digest(stored))))
    result = observed(seal_record(reference, key))
    found = seals.unsealed([observed(key_record(store, key))], [result], [result])
    assert [one.detail for one in found.problems] == []
    assert [(one.value, one.header("ce_sha256")) for one in found.outcomes] == [(content, _digest(content).decode())]
    assert [one.kind for one in objects_in_clear([("a", stored[:8]), ("b", content[:8])])] == ["plaintext"]


def _digest(content: bytes) -> bytes:
    return sha256(content).hexdigest().encode()
