"""Clients open sealed records when the key is there, wait a little for one that may come, and say why otherwise."""

from dataclasses import replace

import pytest

from schemas import Record, Rejection
from streams.clients import opening
from streams.clients.errors import KeysUnavailableError
from streams.clients.opening import RecordOpener
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing
from streams.security.sealing.sealed_record import seal_record
from tests.support.events import COMPRESSED

KEY = DataKey.new()
#: Never old, however long the tests take.
RECORD = replace(COMPRESSED.to_record(), timestamp_ms=2**45)
SEALED = seal_record(RECORD, KEY)


class Keys:
    """Answers one after the other; the last one again and again."""

    def __init__(self, *answers: DataKey | Missing) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.obstacle: str | None = None
        self.running = False

    async def start(self) -> None:
        assert not self.running
        self.running = True

    def find(self, key_id: bytes) -> DataKey | Missing:
        assert key_id == KEY.id
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def stop(self) -> None:
        self.running = False


async def opened(keys: Keys, record: Record = SEALED) -> Record | Rejection:
    async with RecordOpener(lambda: keys) as opener:
        return await opener.open(record)


def code(found: Record | Rejection) -> str:
    assert isinstance(found, Rejection)
    return found.code


async def test_keys_are_read_when_the_first_sealed_record_is_met_and_no_earlier() -> None:
    keys = Keys(KEY)
    async with RecordOpener(lambda: keys) as opener:
        assert await opener.open(RECORD) is RECORD
        assert not keys.running
        assert await opener.open(SEALED) == RECORD
        assert await opener.open(SEALED) == RECORD
        assert keys.running
    assert not keys.running


async def test_without_keys_the_answer_is_that_there_is_no_access() -> None:
    async with RecordOpener() as opener:
        assert code(await opener.open(SEALED)) == "SealedNoAccess"
        assert await opener.open(RECORD) is RECORD
        assert opener.unopened == {"SealedNoAccess": 1}


async def test_what_cannot_be_opened_is_counted_by_its_reason() -> None:
    keys = Keys(Missing.ERASED, Missing.ERASED, Missing.EXPIRED, KEY)
    async with RecordOpener(lambda: keys) as opener:
        for _ in range(4):
            await opener.open(SEALED)
        await opener.open(replace(SEALED, value=b"damaged"))
        assert opener.unopened == {"SealedErased": 2, "SealedExpired": 1, "SealedDamaged": 1}


async def test_a_key_that_comes_after_its_record_is_waited_for() -> None:
    assert await opened(Keys(Missing.UNKNOWN, Missing.UNKNOWN, KEY)) == RECORD


async def test_a_key_that_never_comes_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_SETTLE", 0.1)
    keys = Keys(Missing.UNKNOWN)
    async with RecordOpener(lambda: keys) as opener:
        assert code(await opener.open(SEALED)) == "SealedUnknown"
        assert keys.asked > 1
        before = keys.asked
        assert code(await opener.open(SEALED)) == "SealedUnknown"
        assert keys.asked == before + 1


async def test_the_key_of_an_old_record_is_not_waited_for() -> None:
    keys = Keys(Missing.UNKNOWN)
    assert code(await opened(keys, replace(SEALED, timestamp_ms=1))) == "SealedUnknown"
    assert keys.asked == 1


async def test_a_view_that_is_too_old_is_waited_for_and_then_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await opened(Keys(Missing.STALE, Missing.STALE, KEY)) == RECORD
    monkeypatch.setattr(opening, "_PATIENCE", 0.1)
    with pytest.raises(KeysUnavailableError):
        await opened(Keys(Missing.STALE))
