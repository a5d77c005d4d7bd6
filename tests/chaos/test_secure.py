"""A short run of the chaos bench on a secure cluster with workers that seal: everything is exact, nothing in clear."""

from pathlib import Path

import pytest

from tests.chaos.bench import ChaosBench

SEED = 40  # its first round has three of them: a missing store, a foreign one, and a kill while there is a foreign one
#: Of sealing, beside a kill between a new key and the commit.
TELLING = ("key-store-broken", "key-store-foreign", "keys-unreadable", "workers-kill-new-keys")


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("chaos bench")
@pytest.mark.parametrize("rounds", [1, pytest.param(3 * len(TELLING), marks=pytest.mark.long)])
async def test_workers_that_seal_are_exact_and_write_nothing_in_clear(rounds: int, tmp_path: Path) -> None:
    async with ChaosBench(tmp_path, seed=SEED, faults=TELLING, brokers=1, secure=True, report=print) as bench:
        for number in range(rounds):
            verdict = await bench.round(number)
            print(verdict)
            assert verdict.problems == []
