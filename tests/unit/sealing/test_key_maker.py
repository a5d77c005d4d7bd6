from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas import Record
from schemas.record import TopicPartition
from streams.delivery.outcome import Output
from streams.delivery.transactions import Batch, Committed
from streams.sealing import KeyCommits, KeyMaker
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.known_keys import Epoch, KnownKeys
from streams.security.sealing.missing import Missing
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner, WrappedKey, erased_mark, parse, tag_of
from tests.support.keys import OWNER, new_store

TOPIC = "audio.keys"


class View:
    """What is known of keys, without a topic."""

    def __init__(self, store: SlotFile) -> None:
        self.known = KnownKeys(lambda: store)
        self.known.read_epochs()
        self.missing: Missing | None = None

    @property
    def newest(self) -> Epoch | Missing:
        assert self.known.newest is not None
        return self.missing or self.known.newest

    def is_erased(self, key_id: bytes) -> bool:
        return self.known.is_erased(key_id)


class MemoryTransactor:
    """Keeps what is committed, or fails."""

    def __init__(self) -> None:
        self.committed: list[Output] = []
        self.fails = False

    async def start(self) -> Committed:
        return {}

    async def commit(self, batches: Sequence[Batch]) -> None:
        if self.fails:
            raise TimeoutError
        self.committed += [one for batch in batches for one in batch.outputs]

    async def stop(self) -> None:
        pass

    @property
    def keys(self) -> list[bytes | None]:
        return [one.record.key for one in self.committed if one.topic == TOPIC]


@pytest.fixture
def store(tmp_path: Path) -> SlotFile:
    return new_store(tmp_path)


@pytest.fixture
def view(store: SlotFile) -> View:
    return View(store)


@pytest.fixture
def maker(view: View) -> KeyMaker:
    return KeyMaker(view, now_ms=lambda: 1_700_000_000_000)


def made(
    maker: KeyMaker, owner: Owner = OWNER, partition: int = 0, expires_ms: int = 0
) -> tuple[DataKey, Record | None]:
    found = maker.key_for(owner, expires_ms, partition)
    assert not isinstance(found, Missing)
    return found


def sealed_by(made: tuple[DataKey, Record | None]) -> Batch:
    """A batch with one result, and the record of its key if there is one."""
    key, record = made
    outputs = [Output("results", Record(None, key.id))]
    return Batch(TopicPartition("audio.raw", 0), outputs if record is None else [Output(TOPIC, record), *outputs], 1)


def test_a_call_has_one_key_whose_record_goes_along_until_it_is_written(maker: KeyMaker) -> None:
    key, record = made(maker)
    assert record is not None
    assert made(maker) == (key, record)
    maker.written([key.id])
    assert made(maker) == (key, None)


def test_the_record_opens_as_the_key_of_this_call(maker: KeyMaker, view: View, store: SlotFile) -> None:
    key, record = made(maker, expires_ms=1_900_000_000_000)
    assert record is not None
    view.known.apply(record.key, record.value)
    assert view.known.find(key.id) == key
    wrapped = parse(record.value or b"")
    assert isinstance(wrapped, WrappedKey)
    assert (wrapped.created_ms, wrapped.expires_ms) == (1_700_000_000_000, 1_900_000_000_000)
    assert wrapped.call_tag == tag_of(store.read(0), OWNER.hotel, OWNER.call)


def test_calls_guests_hotels_and_partitions_have_keys_of_their_own(maker: KeyMaker) -> None:
    owners = [
        OWNER,
        Owner("seaside", "call-2", "guest-7"),
        Owner("seaside", "call-1"),
        Owner("ritz", "call-1", "guest-7"),
    ]
    assert len({made(maker, owner)[0].id for owner in owners} | {made(maker, partition=1)[0].id}) == 5


def test_a_call_that_was_erased_gets_another_key(maker: KeyMaker, view: View) -> None:
    key, _ = made(maker)
    maker.written([key.id])
    view.known.apply(key.id, erased_mark(1))
    other, record = made(maker)
    assert other.id != key.id
    assert record is not None


def test_nothing_is_written_under_an_epoch_that_is_no_longer_the_newest(
    maker: KeyMaker, view: View, store: SlotFile
) -> None:
    written, pending = made(maker), made(maker, Owner("seaside", "call-2"))
    maker.written([written[0].id])
    store.create(2)
    view.known.read_epochs()
    assert made(maker) == (written[0], None)
    key, record = made(maker, Owner("seaside", "call-2"))
    wrapped = parse((record or Record(None, b"")).value or b"")
    assert isinstance(wrapped, WrappedKey)
    assert (key.id == pending[0].id, wrapped.epoch) == (False, 2)


@pytest.mark.parametrize("missing", [Missing.STALE, Missing.NO_ACCESS])
def test_nothing_is_sealed_without_a_view_of_the_keys(maker: KeyMaker, view: View, missing: Missing) -> None:
    made(maker)
    view.missing = missing
    assert maker.key_for(OWNER, 0, 0) is missing


def test_the_calls_that_are_held_are_bounded(view: View) -> None:
    maker = KeyMaker(view, limit=2)
    first, second = made(maker, Owner("h", "1")), made(maker, Owner("h", "2"))
    assert made(maker, Owner("h", "1")) == first
    made(maker, Owner("h", "3"))
    assert made(maker, Owner("h", "1")) == first
    assert made(maker, Owner("h", "2"))[0].id != second[0].id


async def test_a_key_is_written_once(maker: KeyMaker) -> None:
    transactor = MemoryTransactor()
    commits = KeyCommits(transactor, maker, TOPIC)
    await commits.start()
    outcomes = [sealed_by(made(maker)) for _ in range(4)]
    await commits.commit(outcomes[:2])
    await commits.commit(outcomes[2:3])
    assert sealed_by(made(maker)).outputs == outcomes[0].outputs[1:]
    await commits.commit(outcomes[3:])
    assert len(transactor.keys) == 1
    assert len(transactor.committed) == 5


async def test_a_key_is_not_written_again_after_its_call_was_erased(maker: KeyMaker, view: View) -> None:
    transactor = MemoryTransactor()
    commits = KeyCommits(transactor, maker, TOPIC)
    first, late = sealed_by(made(maker)), sealed_by(made(maker))
    await commits.commit([first])
    erased = transactor.keys[0] or b""
    view.known.apply(erased, erased_mark(1))
    other = sealed_by(made(maker))
    await commits.commit([late, other])
    assert transactor.keys.count(erased) == 1
    assert len(transactor.keys) == 2


async def test_a_key_of_a_failed_transaction_is_forgotten(maker: KeyMaker) -> None:
    transactor = MemoryTransactor()
    commits = KeyCommits(transactor, maker, TOPIC)
    written = made(maker, Owner("h", "1"))
    await commits.commit([sealed_by(written)])
    failed = made(maker)
    transactor.fails = True
    with pytest.raises(TimeoutError):
        await commits.commit([sealed_by(failed)])
    await commits.start()
    assert made(maker)[0].id != failed[0].id
    assert made(maker, Owner("h", "1")) == (written[0], None)
