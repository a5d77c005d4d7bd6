"""What is erased opens nowhere, what is not erased opens, whatever comes between."""

import contextlib
import random
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import pytest

from schemas import Policy, Record
from streams.compliance.erasure import NOTHING_LEFT, Eraser, Erasure
from streams.compliance.erasure_scope import Scope
from streams.compliance.key_log import WriterReplacedError
from streams.compliance.key_turn import KeysLeftError, KeyTurn, Turn
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.wrapped_key import ErasedMark, Owner, parse
from tests.support.key_topic import KeyTopic, KilledError, MemoryKeyLog, MemoryKeyStore

T = TypeVar("T")
NOW, DAY = 1_800_000_000_000, 86_400_000


class Installation:
    """A topic of keys with its store, and what erases and turns there."""

    def __init__(self) -> None:
        self.topic, self.store = KeyTopic(), MemoryKeyStore()
        self.policies: dict[str, Policy] = {}
        self.told: list[tuple[Sequence[str], str, str]] = []

    def new(self, call: str, guest: str = "", hotel: str = "lisbon", **more: int) -> DataKey:
        return self.topic.new_key(self.store, Owner(hotel, call, guest), more.pop("created_ms", NOW), **more)

    def tell(self, objects: Sequence[str], outcome: str, reason: str) -> list[Record]:
        self.told.append((tuple(objects), outcome, reason))
        return [Record(b"", reason.encode())]

    async def erase(self, scope: Scope, log: MemoryKeyLog | None = None) -> Erasure:
        async def policy() -> Policy:
            return self.policies.get(scope.hotel, Policy(1))

        eraser = Eraser(log or MemoryKeyLog(self.topic), self.store, scope, lambda: NOW)
        return await eraser.erase(policy, self.tell)

    async def turn(self, log: MemoryKeyLog | None = None) -> Turn:
        async def policies() -> dict[str, Policy]:
            return self.policies

        turn = KeyTurn(log or MemoryKeyLog(self.topic), self.store, policies, self.tell, settling=0, now_ms=lambda: NOW)
        return await turn.run()

    def opens(self, *keys: DataKey) -> list[bool]:
        return [self.topic.opens(self.store, key) for key in keys]


@pytest.fixture
def here() -> Installation:
    return Installation()


def call(*calls: str) -> Scope:
    return Scope("lisbon", frozenset(calls))


async def test_all_keys_of_a_call_are_erased_and_no_others(here: Installation) -> None:
    mine, again = here.new("a"), here.new("a")
    other, elsewhere = here.new("b"), here.new("a", hotel="porto")
    assert await here.erase(call("a")) == Erasure(2, frozenset("a"), 1)
    assert here.opens(mine, again, other, elsewhere) == [False, False, True, True]
    assert isinstance(parse(here.topic.last(mine.id) or b""), ErasedMark)
    assert here.told == [(("hotel:lisbon", "call:a", "epoch:1"), "success", "")]


async def test_a_guest_is_erased_with_all_calls_and_the_audit_does_not_name_the_guest(here: Installation) -> None:
    mine, also = here.new("a", "g-1"), here.new("b", "g-1")
    other, namesake = here.new("c", "g-2"), here.new("d", "g-1", "porto")
    done = await here.erase(Scope("lisbon", guest="g-1"))
    assert (done.keys, done.calls) == (2, frozenset("ab"))
    assert here.opens(mine, also, other, namesake) == [False, False, True, True]
    ((objects, _, _),) = here.told
    assert objects[0] == "hotel:lisbon"
    assert {"call:a", "call:b"} < set(objects)
    assert not any("g-1" in one for one in objects)


async def test_what_is_older_than_a_date_is_erased_in_one_hotel_alone(here: Installation) -> None:
    old, new = here.new("a", created_ms=NOW - 1), here.new("b", created_ms=NOW)
    other = here.new("c", hotel="porto", created_ms=NOW - 1)
    assert (await here.erase(Scope("lisbon", before_ms=NOW))).calls == frozenset("a")
    assert here.opens(old, new, other) == [False, True, True]


async def test_erasing_again_says_that_nothing_was_left(here: Installation) -> None:
    here.new("a")
    await here.erase(call("a"))
    assert (await here.erase(call("a"))).keys == 0
    assert here.told[-1] == (("hotel:lisbon", "call:a", "epoch:1"), "success", NOTHING_LEFT)


async def test_a_legal_hold_stops_it_and_is_told(here: Installation) -> None:
    key = here.new("a")
    here.policies["lisbon"] = Policy(1, legal_hold=True)
    assert (await here.erase(call("a"))).held
    assert here.opens(key) == [True]
    assert here.told == [(("hotel:lisbon", "call:a", "epoch:1"), "failure", "legal hold")]


async def test_looking_changes_nothing(here: Installation) -> None:
    key = here.new("a")
    found = await Eraser(MemoryKeyLog(here.topic), here.store, call("a")).look()
    assert (found.keys, found.calls) == (1, frozenset("a"))
    assert here.opens(key) == [True]


async def test_after_a_turn_no_copy_of_an_erased_key_opens(here: Installation) -> None:
    erased, living = here.new("a"), here.new("b")
    await here.erase(call("a"))
    assert here.topic.ever_opens(here.store, erased)  # with a backup of the topic
    done = await here.turn()
    assert (done.epoch, done.destroyed, done.rewrapped) == (2, (1,), 1)
    assert not here.topic.ever_opens(here.store, erased)
    assert here.opens(living) == [True]
    assert here.told[-1] == (("epoch:2",), "success", "destroyed epoch 1")


async def test_an_erasure_that_comes_between_stops_the_turn_and_stays(here: Installation) -> None:
    """Whatever the step at which it comes: the turn must not bring the key back that it has read before."""
    came = []
    for at in range(12):
        key, other = here.new(f"a{at}"), here.new(f"b{at}")

        def between(step: int, at: int = at) -> None:
            if step == at:
                finish(here.erase(call(f"a{at}")))
                came.append(at)

        with contextlib.suppress(WriterReplacedError):
            await here.turn(MemoryKeyLog(here.topic, between))
        assert here.opens(key, other) == [at not in came, True]
        await here.turn()
        assert here.opens(key, other) == [at not in came, True]
    assert came == list(range(10))


async def test_a_key_that_a_worker_writes_late_is_moved_as_well(here: Installation) -> None:
    for at in range(6):  # the last step before it is read whether all were moved
        late: list[DataKey] = []

        def between(step: int, at: int = at, late: list[DataKey] = late) -> None:
            if step == at:
                late.append(here.new(f"late-{at}", epoch=here.store.epochs()[0]))

        first = here.new("a")
        await here.turn(MemoryKeyLog(here.topic, between))
        assert here.opens(first, *late) == [True] * (1 + len(late))
        assert late


async def test_a_worker_that_goes_on_under_the_old_epoch_keeps_it_alive(here: Installation) -> None:
    keys = [here.new("a")]
    with pytest.raises(KeysLeftError, match="does not see the new epoch"):
        await here.turn(MemoryKeyLog(here.topic, lambda _: keys.append(here.new("b", epoch=1))))
    assert here.store.epochs() == (1, 2)
    assert all(here.opens(*keys))


async def test_a_date_that_has_passed_erases_and_a_hold_suspends_it(here: Installation) -> None:
    passed = here.new("a", expires_ms=NOW)
    future = here.new("b", expires_ms=NOW + 1)
    held = here.new("c", hotel="porto", expires_ms=NOW)
    here.policies["porto"] = Policy(1, retention_days=1, legal_hold=True)
    done = await here.turn()
    assert (done.expired, done.rewrapped) == (1, 2)
    assert here.opens(passed, future, held) == [False, True, True]
    assert expiry(here, held) == 0
    here.policies["porto"] = Policy(2, retention_days=1)
    await here.turn()
    assert expiry(here, held) == NOW + DAY


async def test_what_nothing_opens_is_left_and_does_not_stop_a_turn(here: Installation) -> None:
    living, damaged = here.new("a"), here.new("b")
    part = next(part for part in here.topic.partitions for one in part if one.key == damaged.id)
    value = here.topic.last(damaged.id) or b""
    part.append(part[-1]._replace(key=damaged.id, value=value[:-1] + bytes([value[-1] ^ 1])))
    part.append(part[-1]._replace(key=b"strange", value=b"strange"))
    done = await here.turn()
    assert (done.rewrapped, done.unreadable, here.store.epochs()) == (1, 1, (2,))
    assert here.opens(living) == [True]


@pytest.mark.parametrize("seed", range(40))
async def test_others_open_and_erased_ones_do_not_after_random_erasures_kills_and_turns(seed: int) -> None:
    here, chance = Installation(), random.Random(seed)
    living: dict[str, DataKey] = {}
    erased: list[tuple[DataKey, int]] = []  # with the epoch that has to be gone
    left = 1  # the epoch that the last turn has left
    for number in range(60):
        dies_at = chance.randrange(20)

        def before(step: int, dies_at: int = dies_at) -> None:
            if step == dies_at:
                raise KilledError

        log = MemoryKeyLog(here.topic, before)
        match chance.choice(["new", "new", "erase", "turn", "turn"]):
            case "new":
                living[f"call-{number}"] = here.new(f"call-{number}", f"guest-{number % 5}")
            case "erase" if living:
                name = chance.choice(list(living))
                done = await killed(here.erase(call(name), log)) or await here.erase(call(name))
                erased.append((living.pop(name), done.epoch))
            case "turn":
                turned = await killed(here.turn(log))
                left = turned.epoch if turned else left
        assert all(here.opens(*living.values()))
        assert not any(here.opens(*(key for key, _ in erased)))
        assert not any(here.topic.ever_opens(here.store, key) for key, epoch in erased if epoch < left)
    while (await here.turn()).epoch <= max((epoch for _, epoch in erased), default=0):
        pass
    assert all(here.opens(*living.values()))
    assert not any(here.topic.ever_opens(here.store, key) for key, _ in erased)


async def killed(work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of work, or None if it was killed."""
    try:
        return await work
    except KilledError:
        return None


def finish(work: Coroutine[Any, Any, T]) -> None:
    """Run what waits for nothing, at once."""
    with pytest.raises(StopIteration):
        work.send(None)


def expiry(here: Installation, key: DataKey) -> int:
    wrapped = parse(here.topic.last(key.id) or b"")
    return getattr(wrapped, "expires_ms", -1)
