"""A run of the chaos bench with the faults of object stores: results that lie there are exact."""

from pathlib import Path

import pytest

from tests.chaos.bench import ChaosBench
from tests.chaos.faults import FAULTS

STORE_FAULTS = sorted(name for name, fault in FAULTS.items() if fault.needs_stores)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("chaos bench")
async def test_results_in_stores_are_exact_whatever_happens_to_the_stores_and_the_workers(tmp_path: Path) -> None:
    faults = [*STORE_FAULTS, "worker-kill"]
    async with ChaosBench(tmp_path, seed=2026, faults=faults, brokers=1, report=print) as bench:
        for number in range(len(faults)):
            verdict = await bench.round(number)
            print(verdict)
            assert verdict.problems == []
