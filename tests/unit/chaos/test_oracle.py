"""What has expired is no input; what was read before it was deleted is known all the same."""

import time

import pytest

from tests.chaos.oracle import Oracle
from tests.chaos.records import NUMBER, RAW, ObservedRecord, Place, SentInput
from tests.chaos.sounds import sample
from tests.chaos.workload import segment


@pytest.fixture
def oracle() -> Oracle:
    """An oracle with four acknowledged inputs in partition 2."""
    made = Oracle("nowhere:9", "")
    planned = [segment(sample(0.1, "audio/L16"), "call", number, number=number) for number in range(4)]
    made.acknowledged = {Place(2, n): SentInput(one, int(time.time() * 1000), 0.0) for n, one in enumerate(planned)}
    return made


def test_what_has_expired_is_not_awaited_and_no_input(oracle: Oracle) -> None:
    oracle.expire(2, range(1, 3))
    log = [ObservedRecord(RAW, 2, 1, b"call", b"", ((NUMBER, b"1"),), 0)]

    assert sorted(oracle.awaited) == sorted(oracle.inputs(log)) == [Place(2, 0), Place(2, 3)]


def test_what_is_acknowledged_later_within_what_has_expired_has_expired_too(oracle: Oracle) -> None:
    oracle.expire(3, range(10))
    oracle.acknowledged[Place(3, 5)] = oracle.acknowledged[Place(2, 0)]

    assert Place(3, 5) not in oracle.awaited
