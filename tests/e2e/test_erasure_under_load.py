"""Guests are erased under load from two whole workers, of which one is killed and one is frozen meanwhile."""

import asyncio
import itertools
import json
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from schemas import RawAudio
from schemas.topics import COMPRESSED, DEAD_LETTER, KEYS, RAW
from scripts.commands import audit
from streams.clients import RawAudioProducer
from tests.chaos.opening import Opener, UnopenedError, is_sealed
from tests.chaos.reading import read
from tests.chaos.records import ObservedRecord
from tests.chaos.workers import Worker, running
from tests.support import events
from tests.support.brokers import Broker, Namespace
from tests.support.key_installation import Installation
from tests.support.signing import signing_options

PARTITIONS = 8
#: Seconds for which a worker is frozen: beyond its session, so that others have its partitions.
FROZEN_S = 10.0
#: Calls of other guests that go on meanwhile, and seconds between their segments.
LIVING, PAUSE_S = 40, 0.02
WITHIN_S = 90.0


@dataclass
class Figures:
    """Seconds until what was erased could not be opened any more.

    Attributes:
        command: Of the command, from its begin to its end.
        after: By worker that runs, from the end of the command until it knows.
        thawed: Of the frozen worker, from when it ran again.
        restarted: Of the killed one, from its kill until it ran again.
    """

    command: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    thawed: list[float] = field(default_factory=list)
    restarted: list[float] = field(default_factory=list)

    def line(self) -> str:
        worst = {name: f"{max(values):.3f}" for name, values in vars(self).items() if values}
        p99 = sorted(self.after)[int(len(self.after) * 0.99)]
        return f"{len(self.command)} erasures, p99 after the command {p99:.3f} s, largest: {json.dumps(worst)}"


class Load:
    """Calls of guests, sealed by their sender."""

    def __init__(self, producer: RawAudioProducer) -> None:
        self._producer = producer
        self._numbers = itertools.count()
        self.sent = Counter[str]()
        self.over = False

    async def send(self, guest: str) -> None:
        """Send one segment of the guest's call."""
        await self._producer.send(self._event(guest))
        self.sent[guest] += 1

    async def until_over(self, guests: Sequence[str]) -> None:
        for guest in itertools.takewhile(lambda _: not self.over, itertools.cycle(guests)):
            await self.send(guest)
            await asyncio.sleep(PAUSE_S)

    def _event(self, guest: str) -> RawAudio:
        number = next(self._numbers)
        audio = number.to_bytes(4) * 80  # no two segments are alike
        return replace(
            events.RAW, id=str(number), hotel_id="lisbon", call_id=f"call-of-{guest}", guest_ref=guest, audio=audio
        )


class Site:
    """An installation with two workers."""

    def __init__(self, here: Installation, workers: Sequence[Worker]) -> None:
        self.here, self.workers = here, workers
        self.figures = Figures()
        self.erased_keys = 0

    async def records(self, *topics: str) -> list[ObservedRecord]:
        names = [self.here.cluster.topic(name) for name in topics]
        count = PARTITIONS
        return (await read(self.here.cluster.bootstrap_servers, names, committed=True, count=count)).records

    async def erase(self, guest: str) -> float:
        """Erase a guest; returns when the command has ended (monotonic)."""
        began = time.monotonic()
        code, out, err = await self.here.erased("--guest", guest)
        ended = time.monotonic()
        assert code == 0, err
        self.figures.command.append(ended - began)
        found = re.match(r"(\d+) keys? of 1 call erased", out)
        assert found is not None, out
        self.erased_keys += int(found[1])
        return ended

    async def erased(self, guest: str, *workers: Worker) -> None:
        """Erase a guest, and measure until these workers know it."""
        ended = await self.erase(guest)
        starts = [one.starts for one in workers]
        times = await asyncio.gather(*(self.known_by(one) for one in workers))
        for worker, before, known in zip(workers, starts, times, strict=True):
            # One that ends and starts again opens nothing meanwhile.
            times_of = self.figures.after if worker.starts == before else self.figures.restarted
            times_of.append(max(0.0, known - ended))

    async def known_by(self, worker: Worker) -> float:
        """Wait until a worker knows all erasures; returns when (monotonic)."""
        async with asyncio.timeout(WITHIN_S):
            while (await asyncio.to_thread(erased_at, worker)) < self.erased_keys:
                await asyncio.sleep(0.005)
        return time.monotonic()

    async def supervise(self) -> None:
        """Start workers again that have ended, as one does that was frozen for longer than its session."""
        while True:
            for one in self.workers:
                if one.starts and not one.alive:
                    one.start()
            await asyncio.sleep(0.1)


def erased_at(worker: Worker) -> float:
    """The number of erased keys that a worker knows; -1 if it does not answer."""
    found = re.search(r"^audio_keys_erased (\S+)$", worker.get("/metrics")[1], re.MULTILINE)
    return float(found[1]) if found else -1.0


@pytest.fixture
async def site(
    broker: Broker,
    namespace: Namespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    here = await Installation.of(broker, namespace, tmp_path, capsys, monkeypatch)
    settings = {"AUDIO_SEALING": "on", "AUDIO_KEY_STORE": f"file://{here.path}"}
    place = (broker.bootstrap_servers, namespace.prefix, namespace.group)
    return Site(here, [Worker(*place, tmp_path / f"worker-{n}", **settings) for n in range(2)])


@asynccontextmanager
async def loaded(site: Site, living: Sequence[str]) -> AsyncIterator[Load]:
    """Segments of living guests' calls come all the time."""
    cluster = site.here.cluster
    async with RawAudioProducer(
        cluster.connection, cluster.topic(RAW), keys=cluster.topic(KEYS), seal=f"file://{site.here.path}"
    ) as producer:
        load = Load(producer)
        going_on = asyncio.create_task(load.until_over(living))
        try:
            yield load
        finally:
            load.over = True
            await going_on


@pytest.mark.timeout(900)
@pytest.mark.parametrize("erasures", [6, pytest.param(100, marks=pytest.mark.long)])
async def test_erased_guests_are_unreadable_on_every_worker_and_all_others_open(
    site: Site, erasures: int, tmp_path: Path
) -> None:
    gone, living = [f"gone-{n}" for n in range(erasures)], [f"living-{n}" for n in range(LIVING)]
    killed, frozen = site.workers
    with running(*site.workers):
        supervisor = asyncio.create_task(site.supervise())
        async with loaded(site, living) as load:
            for guest in gone:
                await load.send(guest)
            await until_answered(site, gone)
            for number, guest in enumerate(gone):
                if number == erasures // 3:
                    await with_a_kill(site, killed, guest)
                elif number == 2 * erasures // 3:
                    await with_a_freeze(site, frozen, guest)
                else:
                    await site.erased(guest, *site.workers)
            before = await results_of(site, gone)
            for guest in gone:  # their senders have not heard of it
                await load.send(guest)
        await until_answered(site, living, load.sent)
        await until_all_read(site, len(gone))
        supervisor.cancel()
    assert await results_of(site, gone) == before
    await judge(site, gone)
    await check_receipt(site, tmp_path)
    print(site.figures.line())


async def with_a_kill(site: Site, worker: Worker, guest: str) -> None:
    """Erase a guest while a worker is killed and starts again: it opens nothing before it has read the keys."""
    erasing = asyncio.create_task(site.erased(guest, *(one for one in site.workers if one is not worker)))
    began = time.monotonic()
    worker.kill()
    await erasing
    site.figures.restarted.append(await site.known_by(worker) - began)


async def with_a_freeze(site: Site, worker: Worker, guest: str) -> None:
    """Erase a guest while a worker is frozen, which opens nothing when it runs again, before it has read the keys."""
    worker.signal(signal.SIGSTOP)
    try:
        others = (one for one in site.workers if one is not worker)
        await asyncio.gather(site.erased(guest, *others), asyncio.sleep(FROZEN_S))
    finally:
        worker.signal(signal.SIGCONT)
    began = time.monotonic()
    site.figures.thawed.append(await site.known_by(worker) - began)


async def results_of(site: Site, guests: Iterable[str]) -> Counter[str]:
    """Numbers of results of calls of these guests."""
    calls = {f"call-of-{guest}" for guest in guests}
    found = [one.header("ce_callid") or "" for one in await site.records(COMPRESSED)]
    return Counter(call for call in found if call in calls)


async def until_answered(site: Site, guests: Sequence[str], sent: Counter[str] | None = None) -> None:
    """Wait until each call of the guests has results for all that was sent, or for one segment."""
    wanted = Counter({f"call-of-{guest}": 1 if sent is None else sent[guest] for guest in guests})
    until = time.monotonic() + WITHIN_S
    while missing := wanted - await results_of(site, guests):
        assert time.monotonic() < until, f"without results: {missing}"
        await asyncio.sleep(0.2)


async def until_all_read(site: Site, gone: int) -> None:
    """Wait until the workers have counted all inputs of erased calls: those are ordinary events."""
    pattern = re.compile(r'^audio_inputs_gone_total\{code="SealedErased"\} (\S+)$', re.MULTILINE)
    async with asyncio.timeout(WITHIN_S):
        while True:
            shown = [pattern.search(one.get("/metrics")[1]) for one in site.workers]
            if sum(float(one[1]) for one in shown if one) >= gone:
                return
            await asyncio.sleep(0.1)


async def judge(site: Site, gone: Iterable[str]) -> None:
    """Nothing of the erased guests opens, everything else does, and nothing is in clear."""
    calls = {f"call-of-{guest}" for guest in gone}
    opener = Opener(site.here.path)
    opener.learn(await site.records(KEYS))
    opened = Counter[bool]()
    for one in await site.records(RAW, COMPRESSED):
        assert is_sealed(one)
        erased = one.header("ce_callid") in calls
        if erased:
            with pytest.raises(UnopenedError, match="is erased"):
                opener.opened(one)
        else:
            opener.opened(one)
        opened[not erased] += 1
    assert min(opened[True], opened[False]) > 0
    assert await site.records(DEAD_LETTER) == []


async def check_receipt(site: Site, directory: Path) -> None:
    """The receipt of the first erasure is verified with the public key alone."""
    signing, public = signing_options(directory)
    request = next(one.request for one in await site.here.entries() if one.action == "erasure")
    await site.here.sign(*signing)
    receipt = str(directory / "receipt.json")
    assert (await site.here.command(audit.main, "receipt", receipt, "--request", request))[0] == 0
    checks = ["check-receipt", receipt, "--public-key", str(public)]
    assert await asyncio.to_thread(audit.main, checks) == 0
    assert "gone-" not in Path(receipt).read_text().replace("call-of-gone-", "")
