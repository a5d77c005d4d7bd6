"""The bench's own opener opens what the product seals, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import Record
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.objects import seal_object
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import erased_mark
from tests.chaos.opening import Opener, UnopenedError, in_clear, is_sealed
from tests.chaos.records import COMPRESSED, KEYS, ObservedRecord
from tests.support.events import COMPRESSED as RESULT
from tests.support.keys import key_record, new_store


@pytest.fixture
def store(tmp_path: Path) -> SlotFile:
    return new_store(tmp_path)


@pytest.fixture
def key() -> DataKey:
    return DataKey.new()


@pytest.fixture
def opener(store: SlotFile, key: DataKey) -> Opener:
    made = Opener(store.path)
    made.learn([observed(key_record(store, key), KEYS)])
    return made


def observed(record: Record, topic: str = COMPRESSED) -> ObservedRecord:
    return ObservedRecord(topic, 3, 7, record.key, record.value, tuple(record.headers), 1)


def test_what_is_sealed_opens_as_it_was(opener: Opener, key: DataKey) -> None:
    clear = RESULT.to_record()
    sealed = observed(seal_record(clear, key))
    assert is_sealed(sealed)
    assert in_clear(sealed) is None
    assert opener.opened(sealed) == observed(clear)
    assert opener.partitions == {key.id: 3}


@pytest.mark.parametrize("value", [None, b""])
def test_a_value_that_is_absent_stays_so(opener: Opener, key: DataKey, value: bytes | None) -> None:
    letter = Record(b"call", value, (("x", b"\xff"), ("ce_guestref", b"g"), ("ce_sha256", b"no digest")))
    assert opener.opened(observed(seal_record(letter, key))) == observed(letter)


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_an_object_opens_as_it_was(opener: Opener, key: DataKey, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert opener.opened_object(b"".join(seal_object([content], key))) == content


SPOILT: dict[str, Callable[[ObservedRecord], ObservedRecord]] = {
    "a bit": lambda one: replace(one, value=bytes([(one.value or b"")[0] ^ 1]) + (one.value or b"")[1:]),
    "the end": lambda one: replace(one, value=(one.value or b"")[:-1]),
    "a header of the additional data": lambda one: replace(one, headers=(*one.headers, ("ce_id", b"other"))),
    "the sealed headers": lambda one: replace(one, headers=(*one.headers, ("ce_sealedheaders", b"AAAA"))),
    "the key": lambda one: replace(one, headers=(*one.headers, ("ce_sealkey", b"00" * 16))),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_was_changed_does_not_open(opener: Opener, key: DataKey, what: str) -> None:
    with pytest.raises(UnopenedError):
        opener.opened(SPOILT[what](observed(seal_record(RESULT.to_record(), key))))


def test_an_erased_key_opens_nothing(opener: Opener, key: DataKey) -> None:
    opener.learn([observed(Record(key.id, erased_mark(1)), KEYS)])
    with pytest.raises(UnopenedError, match="is erased"):
        opener.opened(observed(seal_record(RESULT.to_record(), key)))


def test_another_key_store_opens_nothing(key: DataKey, store: SlotFile, tmp_path: Path) -> None:
    opener = Opener(SlotFile.make(tmp_path / "other").path)
    opener.learn([observed(key_record(store, key), KEYS)])
    with pytest.raises(UnopenedError, match="is not under epoch 1"):
        opener.opened(observed(seal_record(RESULT.to_record(), key)))


def test_what_is_in_clear_is_told(key: DataKey) -> None:
    sealed = observed(seal_record(RESULT.to_record(), key))
    assert in_clear(observed(RESULT.to_record())) == "it is not sealed"
    shown = replace(sealed, headers=(*sealed.headers, ("ce_pcmsha256", b"00")))
    assert in_clear(shown) == "ce_pcmsha256 is in clear"
    assert in_clear(replace(sealed, value=b"fLaC")) == "ce_sha256 is not the digest of the sealed value"
