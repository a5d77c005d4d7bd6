"""The turn of the keys on genuine Kafka: killed, and two at once."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from schemas.topics import KEYS
from scripts.erasing.turning import turn_keys
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner
from tests.support.key_installation import Installation

_TURN = """
import asyncio, os, signal, sys
from pathlib import Path
from scripts.cli import Cluster
from scripts.erasing.turning import turn_keys
from streams.kafka.connection import KafkaConnection
from streams.kafka.transactional_writer import TransactionalWriter
from streams.security.sealing.missing import Missing
from streams.security.sealing.slot_file import SlotFile

left = [int(sys.argv[1])]
commit = TransactionalWriter.commit

async def killed(self):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    await commit(self)

TransactionalWriter.commit = killed
cluster = Cluster(KafkaConnection(sys.argv[2]), sys.argv[3], "none")
asyncio.run(turn_keys(cluster, SlotFile(Path(sys.argv[4])), settling=0))
"""


@pytest.mark.parametrize("commits", [1, 2, 3])
async def test_a_turn_that_is_killed_is_gone_on_with(here: Installation, tmp_path: Path, commits: int) -> None:
    """Killed before the commit of the keys, of the entry before the old epoch is destroyed, and of the one after."""
    erased, living = here.record(Owner("lisbon", "a")), here.record(Owner("lisbon", "b"))
    await here.write(KEYS, erased[1], living[1])
    assert (await here.erased("--call", "a"))[0] == 0
    arguments = [str(commits), here.cluster.bootstrap_servers, here.cluster.prefix, str(tmp_path / "keys")]
    turning = await asyncio.create_subprocess_exec(sys.executable, "-c", _TURN, *arguments)
    assert await turning.wait() == -signal.SIGKILL
    assert here.store.epochs() == ((2,) if commits == 3 else (1, 2))
    if commits < 3:  # the open transaction does not hide what is there
        assert (await here.erased("--call", "none"))[0] == 0
        assert await here.opens(erased[0], living[0]) == [False, True]
    done = await turn_keys(here.cluster, here.store, settling=0)
    assert here.store.epochs() == (done.epoch,)
    assert done.epoch == (3 if commits == 3 else 2)
    assert await here.opens(erased[0], living[0]) == [False, True]


async def test_of_two_turns_at_once_one_is_fenced_and_says_so(here: Installation) -> None:
    made = [here.record(Owner("lisbon", f"call-{number}")) for number in range(8)]
    await here.write(KEYS, *(record for _, record in made))
    turns = [turn_keys(here.cluster, SlotFile(here.path), settling=0.5) for _ in range(2)]
    results = await asyncio.gather(*turns, return_exceptions=True)
    refused = [str(one) for one in results if isinstance(one, Exception)]
    assert all("destroyed nothing" in one or "is not later than" in one for one in refused), results
    assert len(refused) < 2, results
    assert await here.opens(*(key for key, _ in made)) == [True] * len(made)
