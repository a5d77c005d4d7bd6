"""The command `export`: from the topic while it has the results, and from the archive afterwards."""

import asyncio
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiokafka.admin import RecordsToDelete

from scripts.commands import export
from scripts.commands import stores as stores_command
from streams.codecs import FlacEncoder
from streams.kafka.topic_admin import connected_admin
from streams.stores import content_key, pool
from tests.support.archives import Archive, a_call, manifests, until
from tests.support.brokers import Broker, Namespace
from tests.support.call_segments import encoded, noise, result
from tests.support.result_topic import ResultTopic


class Export:
    """The command `export` on the test's topics and stores.

    Attributes:
        where: Options of all commands that name the cluster and the topics.
        out: The directory of the calls.
    """

    def __init__(self, broker: Broker, namespace: Namespace, directory: Path) -> None:
        self.where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
        self.out = directory / "out"

    async def __call__(self, *arguments: str, hotel: str = "seaside") -> tuple[int, dict[str, Any]]:
        """Its exit code, and the manifests that it has written, by call."""
        shutil.rmtree(self.out, ignore_errors=True)
        options = ["--hotel", hotel, "--from", "yesterday", "--out", str(self.out), *arguments, *self.where]
        code = await asyncio.to_thread(export.main, options)
        return code, manifests(self.out)


@pytest.fixture
def exported(
    broker: Broker, namespace: Namespace, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Export:
    monkeypatch.setenv("AUDIO_STORES", f"file://{archive.root}")
    return Export(broker, namespace, tmp_path)


async def forget(archive: Archive, topic: str, *, keep: int) -> None:
    """Let the topic expire, but for the last offsets of each partition."""
    async with connected_admin(archive.connection) as admin:
        consumer = archive.connection.consumer(topic)
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
        await consumer.stop()
        await admin.delete_records({place: RecordsToDelete(max(end - keep, 0)) for place, end in ends.items()})


async def test_what_the_topic_has_forgotten_is_exported_from_the_archive_without_doubles(
    results: ResultTopic, archive: Archive, exported: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    hotel, odd = "a/b \u00fc", "../../%2F ~."
    pieces = [noise(0.5, seed=number) for number in range(4)]
    about = {"archive": True, "hotel_id": hotel, "call_id": odd, "stream_id": "s", "time": None}
    call = [encoded(piece, FlacEncoder(5), number, final=number == 3, **about) for number, piece in enumerate(pieces)]
    await results.write(*(one.to_record() for one in call))
    await results.write(*(one.to_record() for one in a_call("other", hotel_id="other")))
    code, both = await exported("--format", "as-is", hotel=hotel)
    assert (code, both[odd]["complete"]) == (0, True)
    as_is = {path.name: path.read_bytes() for path in exported.out.rglob("*.flac")}
    async with archive.running(archive.follower()):
        await until(lambda: len(manifests(archive.root)) == 2)
    for keep in (10**6, 3, 0):  # all in both, the last ones in both, all in the archive alone
        await forget(archive, results.topic, keep=keep)
        code, found = await exported("--format", "as-is", "--to", "today", hotel=hotel)
        assert (code, found) == (0, both)
        assert {path.name: path.read_bytes() for path in exported.out.rglob("*.flac")} == as_is
    assert "0 results from the topic, 4 from the archive" in capsys.readouterr().err
    assert (await exported("--call", odd, hotel=hotel))[0] == 0
    [file] = exported.out.rglob("guest.wav")
    samples, _ = soundfile.read(file, dtype="int16", always_2d=True)
    assert (samples == np.concatenate([piece.samples for piece in pieces])).all()


async def test_what_is_missing_or_damaged_in_the_archive_is_told(
    results: ResultTopic, archive: Archive, exported: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    await results.write(*(one.to_record() for one in a_call("call-1", 4)))
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(archive.root)))
    await forget(archive, results.topic, keep=0)
    files = sorted(archive.root.rglob("*.ogg"))
    files[0].unlink()
    files[1].write_bytes(b"OggS something else")
    files[2].with_suffix(".json").write_text("{")
    code, found = await exported("--format", "as-is")
    assert code == 1
    assert [problem.partition(": ")[2][:22] for problem in found["call-1"]["problems"]] == [
        "segment 2 is missing",
        "segment 0 has no file:",
        "segment 1 has no file:",
    ]
    told = capsys.readouterr().err
    assert "1 call with missing or damaged segments, 1 damaged entry of the archive" in told
    assert await exported("--format", "as-is", hotel="nobody") == (0, {})


async def test_a_store_that_does_not_work_is_told_by_the_export(
    results: ResultTopic, exported: Export, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pool, "DEADLINE", 1.0)
    monkeypatch.setenv("AUDIO_STORES", "s3://hotel-audio?endpoint=http://127.0.0.1:1")
    monkeypatch.setenv("AUDIO_STORES_ACCESS_KEY", "any")
    monkeypatch.setenv("AUDIO_STORES_SECRET_KEY", "thing")
    assert (await exported())[0] == 1
    assert "s3://hotel-audio" in capsys.readouterr().err


async def test_a_result_by_reference_is_archived_kept_by_gc_and_exported(
    results: ResultTopic, archive: Archive, exported: Export
) -> None:
    content = b"OggS" + bytes(100_000)
    sha256 = hashlib.sha256(content).hexdigest()
    stored = archive.stores.put(content_key(sha256), content)
    about = {"audio": b"", "data_ref": stored.text, "data_sha256": sha256, "data_bytes": len(content)}
    await results.write(result(0, archive=True, final=True, **about).to_record())
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(archive.root)))
    assert manifests(archive.root)["call-1"]["files"] == [stored.text]
    await forget(archive, results.topic, keep=0)
    written = time.time() - 2 * 86_400
    os.utime(archive.root / stored.key, (written, written))
    assert await asyncio.to_thread(stores_command.main, ["gc", *exported.where, "--group", archive.group]) == 0
    code, found = await exported("--format", "as-is")
    assert (code, found["call-1"]["complete"]) == (0, True)
    assert [path.read_bytes() for path in exported.out.rglob("*.ogg")] == [content]
