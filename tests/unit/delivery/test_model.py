"""A model of the lanes' protocol, without a cluster: it finds no error in ours, and finds each seeded error."""

from collections.abc import Callable

import pytest
from aiokafka.client import CoordinationType

from streams.delivery.lane import Lane
from streams.delivery.outcome import InputRecord
from streams.delivery.transactions import GroupProducer
from streams.kafka.transactional_writer import TransactionalWriter
from tests.chaos.seeded_bugs import fencing, order, writing
from tests.chaos.seeded_bugs.patch import Patch
from tests.support.lane_protocol import run


def test_whatever_happens_each_input_has_one_outcome_in_order() -> None:
    run(60)


@pytest.mark.long
def test_whatever_happens_for_long() -> None:
    run(3000)


def accept_any_generation(patch: Patch) -> None:
    """Let a lane accept records that were read before its partition was assigned."""
    take = Lane.submit

    async def submit(self: Lane, record: InputRecord, generation: int) -> bool:
        return await take(self, record, self.generation)

    patch(Lane, "submit", submit)


def take_again(patch: Patch) -> None:
    """Let a lane accept an offset twice."""
    take = Lane.submit

    async def submit(self: Lane, record: InputRecord, generation: int) -> bool:
        self._next = min(self._next, record.position.offset)
        return await take(self, record, generation)

    patch(Lane, "submit", submit)


def read_offsets_from_whom_the_brokers_name(patch: Patch) -> None:
    """Read committed offsets from any broker that claims to be the group's coordinator."""

    async def look_up(self: GroupProducer, _: TransactionalWriter) -> int:
        assert self._client is not None
        broker: int = await self._client.coordinator_lookup(CoordinationType.GROUP, self._member.group)
        return broker

    patch(GroupProducer, "_find_coordinator", look_up)


@pytest.mark.parametrize(
    "apply",
    [
        pytest.param(accept_any_generation, marks=pytest.mark.long),  # needs thousands of runs
        read_offsets_from_whom_the_brokers_name,
        take_again,
        fencing.drop_the_lane_on_revoke,
        fencing.fence_nobody,
        fencing.retry_an_open_fate,
        order.acknowledge_out_of_order,
        writing.commit_before_produce,
        writing.commit_the_last_offset,
        writing.dead_letters_outside_the_transaction,
        writing.results_outside_the_transaction,
        writing.skip_an_abort,
        writing.swallow_a_send_error,
    ],
)
@pytest.mark.timeout(1500)  # thousands of runs, beside other tests
def test_a_mistake_in_the_protocol_shows(apply: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    apply(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        run(10_000)  # most errors are found within a few runs
