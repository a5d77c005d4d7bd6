"""A sender's key is written while its epoch is the newest one."""

from collections.abc import Callable
from pathlib import Path

from streams.clients.input_sealing import InputSealer
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import WrappedKey, parse
from tests.support.events import RAW as EVENT
from tests.support.keys import new_store


class Producer:
    """Takes records; something happens before each."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self.values: list[bytes] = []

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes, partition: int) -> None:
        self._before()
        self.values.append(value)


def epochs(values: list[bytes]) -> list[int]:
    found = [parse(value) for value in values]
    return [one.epoch for one in found if isinstance(one, WrappedKey)]


async def test_a_key_that_was_written_too_late_is_not_used(tmp_path: Path) -> None:
    """The process froze with the key in its hands, and meanwhile the epoch was turned."""
    store = new_store(tmp_path)
    producer = Producer(lambda: turn_once(store))
    sealer = InputSealer(producer, "keys", lambda: store, None, 5)
    key, _ = await sealer.key_for(EVENT, "raw")
    assert epochs(producer.values) == [1, 2]
    assert await sealer.key_for(EVENT, "raw") == (key, 0)
    assert len(producer.values) == 2


def turn_once(store: SlotFile) -> None:
    if store.epochs() == (1,):
        store.create(2)
        store.destroy(1)
