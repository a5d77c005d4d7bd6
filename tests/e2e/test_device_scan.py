"""The device of a whole installation has nothing left of an erased guest: brokers, tables, objects, index and keys."""

import asyncio
import json
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from schemas import MediaType, Policy, PolicyEvent, RawAudio
from schemas.topics import COMPRESSED, DEAD_LETTER, KEYS, POLICY, RAW
from scripts.cli import Cluster
from scripts.commands import keys, prove_erasure
from scripts.processes.console_process import ConsoleProcess
from streams.clients import RawAudioProducer
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.reading import read
from tests.chaos.workers import Worker, running
from tests.support import events
from tests.support.key_installation import Installation

IMAGE_BYTES = 1536 * 2**20
SEGMENTS, CALLS = 600, 6
WITHIN_S = 240.0
#: Sealed by its policy, and not sealed.
SEALED, CLEAR = "lisbon", "porto"
GONE, LIVING, SHOWN = "guest-that-goes", "guest-that-stays", "guest-in-clear"
#: Of their calls and segments: an id that named the guest would be found everywhere.
CODES = {GONE: "a", LIVING: "b", SHOWN: "c"}


@dataclass(frozen=True, slots=True)
class Whole:
    """An installation of which all files lie on one device.

    Attributes:
        image: The device.
        here: Topics and key store.
        worker: The worker, not yet started.
        api: The process with the index, not yet started.
    """

    image: Path
    here: Installation
    worker: Worker
    api: ConsoleProcess

    async def outcomes(self) -> int:
        """Number of results and dead letters."""
        names = [self.here.cluster.topic(name) for name in (COMPRESSED, DEAD_LETTER)]
        return len((await read(self.here.cluster.bootstrap_servers, names, committed=True)).records)


def can_mount_images() -> bool:
    return os.geteuid() == 0 and Path("/dev/loop-control").exists()


@contextmanager
def mounted(directory: Path) -> Iterator[tuple[Path, Path]]:
    """An ext4 file system; yields the image and where it is mounted."""
    image, place = directory / "device", directory / "mounted"
    image.touch()
    os.truncate(image, IMAGE_BYTES)
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        yield image, place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@asynccontextmanager
async def installed(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Whole]:
    with mounted(directory) as (image, place):
        kafka = LocalCluster(place / "kafka", 1, free_ports(1))
        await asyncio.to_thread(kafka.start)
        try:
            cluster = Cluster(KafkaConnection(kafka.bootstrap_servers), "here.", "group")
            await apply_topics(cluster.connection, cluster.prefix, cluster.group)
            settings = {
                "AUDIO_KEY_STORE": f"file://{place}/keys",
                "AUDIO_STORES": f"file://{place}/objects",
                "AUDIO_INLINE_LIMIT": "20KB",
            }
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            here = Installation(cluster, place / "keys", capsys)
            for hotel in (SEALED, CLEAR):
                await here.write(POLICY, PolicyEvent(hotel, Policy(version=1, sealed=hotel == SEALED)).to_record())
            worker = Worker(kafka.bootstrap_servers, "here.", "group", place / "worker", **settings)
            api = ConsoleProcess(worker.environment | {"AUDIO_STATE_DIR": f"{place}/api"}, free_ports(1), place / "log")
            try:
                yield Whole(image, here, worker, api)
            finally:
                await asyncio.to_thread(api.stop)
        finally:
            await asyncio.to_thread(kafka.stop)


def segments(guest: str, hotel: str) -> list[RawAudio]:
    """Calls of a guest: small segments, large ones whose results are stored, and files that are none."""
    noise = random.Random(guest + hotel)
    made = []
    for number in range(SEGMENTS):
        kind, frames = number % 10, 12_000 if number % 10 == 9 else 400
        event = replace(
            events.RAW, id=f"{CODES[guest]}-{number}", hotel_id=hotel, call_id=f"call-{CODES[guest]}-{number % CALLS}",
            sequence=number // CALLS, guest_ref=guest, final=False, stream_id=None, audio=noise.randbytes(2 * frames),
        )  # fmt: skip
        made.append(event if kind != 8 else replace(event, media_type=MediaType("audio/flac")))
    return made


async def sent(whole: Whole, guest: str, hotel: str) -> None:
    """Send a guest's calls, sealed if the hotel's are."""
    cluster = whole.here.cluster
    seal = f"file://{whole.here.path}" if hotel == SEALED else None
    async with RawAudioProducer(
        cluster.connection, cluster.topic(RAW), keys=cluster.topic(KEYS), seal=seal
    ) as producer:
        for one in [await producer.send_soon(one) for one in segments(guest, hotel)]:
            await one


async def captured(whole: Whole, hotel: str, guest: str, out: Path) -> Path:
    arguments = ("capture", "--hotel", hotel, "--guest", guest, "--out", str(out))
    code, _, err = await whole.here.command(prove_erasure.main, *arguments)
    assert code == 0, err
    return out


async def scanned(whole: Whole, patterns: Path) -> tuple[int, dict[str, object]]:
    """The exit code and the report of a search on the device."""
    os.sync()
    report = patterns.with_suffix(".report")
    arguments = [str(whole.image), "--patterns", str(patterns), "--json", str(report)]
    code = await asyncio.to_thread(prove_erasure.main, arguments)
    return code, json.loads(report.read_text())


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(not can_mount_images(), reason="needs the right to mount an image")
async def test_nothing_of_an_erased_guest_is_left_on_the_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installed(tmp_path, capsys, monkeypatch) as whole:
        with running(whole.worker):
            whole.api.start()
            for guest, hotel in ((GONE, SEALED), (LIVING, SEALED), (SHOWN, CLEAR)):
                await sent(whole, guest, hotel)
            async with asyncio.timeout(WITHIN_S):
                while await whole.outcomes() < 3 * SEGMENTS:
                    await asyncio.sleep(1)
            await asyncio.to_thread(whole.api.wait_until_ready)
        sealed = await captured(whole, SEALED, GONE, tmp_path / "sealed.json")
        clear = await captured(whole, CLEAR, SHOWN, tmp_path / "clear.json")
        code, report = await scanned(whole, sealed)
        assert (code, list(report["found"])) == (1, ["key of epoch 1 (raw)"])  # type: ignore[call-overload]
        assert (await whole.here.erased("--guest", GONE))[0] == 0
        assert (await whole.here.command(keys.main, "turn", "--settling", "0.1"))[0] == 0
        whole.api.stop()
        code, report = await scanned(whole, sealed)
        print(json.dumps(report))
        assert (code, report["found"], report["controlsMissed"]) == (0, {}, [])
        assert int(str(report["patterns"])) >= 1000
        code, control = await scanned(whole, clear)
        print(json.dumps({name: control[name] for name in ("patterns", "scannedBytes", "undecodedBatches")}))
        assert code == 1
        found, wanted = control["found"], json.loads(clear.read_text())["erased"]
        assert isinstance(found, dict)
        assert len(found.keys() & wanted.keys()) > 0.98 * len(wanted) > 500
