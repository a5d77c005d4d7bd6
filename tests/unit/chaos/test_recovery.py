"""Recovery is over when every partition has a result whose input was sent after the fault."""

from tests.chaos.records import Place, SentInput
from tests.chaos.recovery import recovered, recovery_s
from tests.chaos.verdict import Injected
from tests.unit.chaos.honest import planned

ONE = planned()[0]


def sent(*inputs: tuple[int, float]) -> dict[Place, SentInput]:
    return {Place(partition, n): SentInput(ONE, 0, at) for n, (partition, at) in enumerate(inputs)}


def test_the_slowest_partition_counts_and_its_first_result() -> None:
    inputs = sent((0, 9.0), (0, 11.0), (1, 11.5), (1, 12.0))
    arrivals = {Place(0, 0): 9.1, Place(0, 1): 11.2, Place(1, 2): 17.0, Place(1, 3): 16.0}

    assert recovery_s(10.0, inputs, arrivals) == 6.0


def test_there_is_no_recovery_where_a_partition_stays_silent() -> None:
    assert recovery_s(10.0, sent((0, 11.0), (1, 11.0)), {Place(0, 0): 11.2}) is None
    assert recovery_s(10.0, sent((0, 9.0)), {Place(0, 0): 9.2}) is None


def test_faults_that_overlap_are_not_alone() -> None:
    inputs = sent((0, 1.0), (0, 4.0), (0, 21.0))
    arrivals = {Place(0, 0): 5.0, Place(0, 1): 5.0, Place(0, 2): 22.0}
    injected = [Injected("a", "", 0.5, 0.6), Injected("b", "", 3.0, 3.1), Injected("c", "", 20.0, 20.0)]

    found = recovered(injected, inputs, arrivals)

    assert [(one.recovery_s, one.alone) for one in found] == [(4.5, False), (2.0, False), (2.0, True)]


def test_a_fault_is_at_work_until_it_is_healed() -> None:
    inputs, arrivals = sent((0, 1.0), (0, 6.0)), {Place(0, 0): 1.1, Place(0, 1): 6.5}
    injected = [Injected("frozen", "", 0.5, 10.0), Injected("killed", "", 5.0, 5.0)]

    assert [one.alone for one in recovered(injected, inputs, arrivals)] == [False, False]
