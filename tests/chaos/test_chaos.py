"""A short run of the chaos bench with the most effective faults, each at least once: everything is exact."""

from pathlib import Path

import pytest

from tests.chaos.bench import ChaosBench
from tests.chaos.verdict import Totals

SEED = 2026
TELLING = ("worker-kill", "worker-freeze", "broker-cut-from-peers", "odd-batches", "state-corrupted")

MOST_ROUNDS = 3 * len(TELLING)  # until a transaction was hit: seldom more than one per fault


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("chaos bench")
async def test_a_short_run_is_exact(tmp_path: Path) -> None:
    totals = Totals()
    async with ChaosBench(tmp_path, seed=SEED, faults=TELLING, report=print) as bench:
        for number in range(MOST_ROUNDS):
            verdict = await bench.round(number)
            totals.add(verdict)
            print(verdict)
            assert verdict.problems == []
            if totals.hit and number + 1 >= len(TELLING):
                break
    assert totals.faults.keys() == set(TELLING)
    assert totals.hit, "no transaction was aborted: the faults hit nothing"
