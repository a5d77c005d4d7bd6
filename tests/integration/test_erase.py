"""The command ``erase`` and the turn of the keys on genuine Kafka."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from schemas import Policy, PolicyEvent
from schemas.topics import KEYS, POLICY
from scripts.commands import audit, keys
from streams.kafka.connected_client import connected_client
from streams.kafka.transactional_writer import TransactionalWriter
from streams.sealing import KeyRing
from streams.sealing.key_ring import STALE_AFTER
from streams.security.sealing.missing import Missing
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner
from tests.support.key_installation import Installation
from tests.support.signing import signing_options


@pytest.fixture
def signing(tmp_path: Path) -> tuple[str, ...]:
    """Options of ``audit sign``, and of what checks."""
    return signing_options(tmp_path)[0]


async def test_a_call_is_erased_and_the_others_are_not(here: Installation) -> None:
    mine, again, other, porto = (
        here.record(one)
        for one in (Owner("lisbon", "a"), Owner("lisbon", "a"), Owner("lisbon", "b"), Owner("porto", "a"))
    )
    await here.write(KEYS, *(record for _, record in (mine, again, other, porto)))
    code, out, _ = await here.erased("--call", "a", "--dry-run")
    assert (code, out.startswith("2 keys of 1 call can be erased")) == (0, True)
    assert await here.opens(mine[0]) == [True]
    code, out, _ = await here.erased("--call", "a")
    assert (code, out.startswith("2 keys of 1 call erased")) == (0, True)
    assert await here.opens(mine[0], again[0], other[0], porto[0]) == [False, False, True, True]
    code, out, _ = await here.erased("--call", "a")
    assert (code, out.startswith("nothing was left")) == (0, True)
    told = [(one.action, one.objects, one.outcome, one.reason) for one in await here.entries()]
    objects = ("hotel:lisbon", "call:a", "epoch:1")
    assert told == [("erasure", objects, "success", ""), ("erasure", objects, "success", "nothing was left")]


async def test_a_key_of_a_transaction_that_is_open_is_erased_when_it_is_committed(here: Installation) -> None:
    key, record = here.record(Owner("lisbon", "a"))
    async with connected_client(here.cluster.connection) as client:
        worker = TransactionalWriter(client, f"{here.cluster.group}-worker")
        await worker.start()
        await worker.write({TopicPartition(here.cluster.topic(KEYS), 3): [record]})
        erasing = asyncio.create_task(here.erased("--call", "a"))
        done, _ = await asyncio.wait([erasing], timeout=1)
        assert not done, "the erasure has not seen the key"
        await worker.commit()
        code, out, _ = await erasing
    assert (code, out.startswith("1 key of 1 call erased")) == (0, True)
    assert await here.opens(key) == [False]


async def test_a_legal_hold_is_respected(here: Installation) -> None:
    key, record = here.record(Owner("lisbon", "a"))
    await here.write(KEYS, record)
    await here.write(POLICY, PolicyEvent("lisbon", Policy(1, legal_hold=True)).to_record())
    code, _, err = await here.erased("--call", "a")
    assert (code, "has a legal hold" in err) == (3, True)
    assert await here.opens(key) == [True]


async def test_many_calls_need_two_people_whom_the_brokers_know(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a\nb\n")
    for which in (["--calls", str(tmp_path / "calls")], ["--before", "2026-01-01"]):
        code, _, err = await here.erased(*which)
        assert (code, "need two people" in err) == (1, True)
        code, _, err = await here.erased(*which, "--request", str(tmp_path / "request"))
        assert (code, "have no accounts" in err) == (1, True)
    assert not (tmp_path / "request").exists()


async def test_a_receipt_is_logical_and_after_the_turn_it_is_final(
    here: Installation, signing: tuple[str, ...], tmp_path: Path
) -> None:
    (key, record), (living, kept) = here.record(Owner("lisbon", "a", "g-1")), here.record(Owner("lisbon", "b"))
    await here.write(KEYS, record, kept)
    copy, receipt = dict(await here.keys()), str(tmp_path / "receipt.json")
    erasing = asyncio.create_task(here.erased("--guest", "g-1", "--receipt", receipt))
    while not erasing.done():  # somebody else signs from time to time
        await here.sign(*signing)
    code, out, _ = await erasing
    assert code == 0
    assert "logical: it is final with the next turn" in out
    assert here.opened(key, copy[key.id])  # with a backup of the topic
    code, out, _ = await here.command(keys.main, "turn", "--settling", "0.1")
    assert (code, "epoch 1 is destroyed, epoch 2 has 1 key" in out) == (0, True)
    assert await here.opens(living) == [True]
    assert here.store.epochs() == (2,)
    request = next(one.request for one in await here.entries() if one.action == "erasure")
    making = ("receipt", receipt, "--request", request)
    while json.loads(Path(receipt).read_text()).get("turn") is None:
        await here.sign(*signing)
        assert (await here.command(audit.main, *making))[0] == 0
    checks = ["check-receipt", receipt, "--public-key", str(tmp_path / "pub")]
    code = await asyncio.to_thread(audit.main, checks)
    assert (code, "the erasure is final" in here.capsys.readouterr().out) == (0, True)
    assert "g-1" not in Path(receipt).read_text()


async def test_readers_do_not_find_an_erased_key_and_a_frozen_one_reads_again_first(here: Installation) -> None:
    """Two readers, of which one is a process that is frozen while the call is erased."""
    key, record = here.record(Owner("lisbon", "a"))
    await here.write(KEYS, record)
    ring = KeyRing(here.cluster.connection, here.cluster.topic(KEYS), lambda: SlotFile(here.path))
    await ring.start()
    arguments = [here.cluster.bootstrap_servers, here.cluster.topic(KEYS), str(here.path), key.id.hex()]
    frozen = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _READER, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert ring.find(key.id) == key
        assert await asked(frozen) == "found"
        frozen.send_signal(signal.SIGSTOP)
        assert (await here.erased("--call", "a"))[0] == 0
        while ring.find(key.id) is not Missing.ERASED:
            await asyncio.sleep(0.01)
        await asyncio.sleep(STALE_AFTER)  # so long, what it knows counts as known
        frozen.send_signal(signal.SIGCONT)
        answers = [await asked(frozen)]
        while answers[-1] != "erased":
            answers.append(await asked(frozen))
        assert set(answers) <= {"stale", "erased"}
    finally:
        frozen.kill()
        await frozen.wait()
        await ring.stop()


_READER = """
import asyncio, sys
from pathlib import Path
from streams.kafka.connection import KafkaConnection
from streams.sealing import KeyRing
from streams.security.sealing.missing import Missing
from streams.security.sealing.missing import Missing
from streams.security.sealing.slot_file import SlotFile

async def main():
    ring = KeyRing(KafkaConnection(sys.argv[1]), sys.argv[2], lambda: SlotFile(Path(sys.argv[3])))
    await ring.start()
    for _ in iter(lambda: 0, 1):
        await asyncio.to_thread(sys.stdin.readline)
        found = ring.find(bytes.fromhex(sys.argv[4]))
        print(found.value if isinstance(found, Missing) else "found", flush=True)

asyncio.run(main())
"""


async def asked(reader: asyncio.subprocess.Process) -> str:
    """What a reader finds now."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(b"\n")
    return (await reader.stdout.readline()).decode().strip()
