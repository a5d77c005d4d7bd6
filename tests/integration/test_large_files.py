"""The commands with audio that is too large for a record: emit, listen and dead_letters."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from schemas import DeadLetter, Position, RawAudio, Record, Rejection
from schemas.topics import DEAD_LETTER, RECORDINGS
from scripts.commands import dead_letters, emit, listen
from streams.kafka.connection import KafkaConnection
from streams.stores import Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED, RAW
from tests.support.result_topic import ResultTopic, result_topic
from tests.support.signals import encode_as, speech

WITHIN = 90.0


@dataclass(frozen=True)
class Installation:
    """Topics, and a directory as their store, by the settings in the environment."""

    servers: str
    prefix: str
    stores: str
    results: ResultTopic

    @property
    def options(self) -> list[str]:
        return ["--bootstrap-servers", self.servers, "--topic-prefix", self.prefix]

    @property
    def claim_check(self) -> ClaimCheck:
        return ClaimCheck(Stores.of(replace(StoresConfiguration.parse(self.stores), checked=False)), inline_limit=1000)

    async def first(self, topic: str) -> Record:
        consumer = AIOKafkaConsumer(
            f"{self.prefix}{topic}", bootstrap_servers=self.servers, auto_offset_reset="earliest"
        )
        async with asyncio.timeout(WITHIN), consumer:
            message = await consumer.getone()
        return Record(message.key, message.value, tuple(message.headers))


@pytest.fixture
async def installed(
    broker: Broker, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    stores = f"file://{tmp_path}/stored"
    monkeypatch.setenv("AUDIO_STORES", stores)
    monkeypatch.setenv("AUDIO_INLINE_LIMIT", "1000")
    async with result_topic(broker, namespace) as results:
        yield Installation(broker.bootstrap_servers, namespace.prefix, stores, results)


async def test_a_whole_file_of_any_size_is_sent_by_reference(
    installed: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hour.wav"
    file.write_bytes(encode_as(speech(3), "audio/wav"))
    report = tmp_path / "report.json"
    arguments = [str(file), "--whole", "--hotel", "seaside", "--json", str(report), *installed.options]
    assert await asyncio.to_thread(emit.main, arguments) == 0
    event = RawAudio.from_record(await installed.first(RECORDINGS))
    assert isinstance(event, RawAudio)
    assert (event.call_id, event.final, str(event.media_type)) == ("hour", True, "audio/wav")
    fetched = tmp_path / "fetched"
    assert installed.claim_check.fetch_input(event, fetched) == file.stat().st_size
    assert fetched.read_bytes() == file.read_bytes()
    assert f"{installed.prefix}{RECORDINGS} partition" in " ".join(capsys.readouterr().out.split())
    [call] = json.loads(report.read_text())["calls"]
    assert (call["bytes"], call["segments"]) == (file.stat().st_size, 1)


async def test_one_that_cannot_be_read_costs_itself_alone(
    installed: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "good.wav").write_bytes(encode_as(speech(1), "audio/wav"))
    arguments = [str(tmp_path / "empty.wav"), str(tmp_path / "good.wav"), "--whole", "--hotel", "seaside"]
    assert await asyncio.to_thread(emit.main, [*arguments, *installed.options]) == 1
    told = capsys.readouterr()
    assert "is empty; send at least one sample" in told.err
    assert told.out.startswith("good: 1 segment")


async def test_listen_saves_the_files_of_results_by_reference_and_names_those_that_are_gone(
    installed: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = bytes(range(256)) * 100
    stored = installed.claim_check.store_result(replace(COMPRESSED, sequence=0), large)
    gone = replace(stored, data_ref=f"{installed.stores}/sha256/gone", sequence=1)
    await installed.results.write(gone.to_record(), stored.to_record(), replace(COMPRESSED, sequence=2).to_record())
    saved = tmp_path / "saved"
    arguments = ["--from-beginning", "--count", "2", "--timeout", str(WITHIN), *installed.options]
    assert await asyncio.to_thread(listen.main, ["--save", str(saved), *arguments]) == 0
    files = {path.name: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    assert files == {"any-0.ogg": large, "any-2.ogg": COMPRESSED.audio}
    first, *lines = capsys.readouterr().out.splitlines()
    assert re.search(r"^call-1 .*, not saved: .*: there is no such object$", first)
    assert f"-> {len(large)} bytes" in lines[0]
    assert await asyncio.to_thread(listen.main, arguments) == 0, "nothing is fetched that is not saved"
    assert "not saved" not in capsys.readouterr().out


async def test_a_dead_letter_by_reference_is_listed_saved_and_sent_again(
    installed: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = bytes(range(256)) * 100
    event = installed.claim_check.store_input(RAW, large)
    reason = Rejection("fetch", "ObjectTooLarge", "ce_dataref", "is too large")
    topic = f"{installed.prefix}{RECORDINGS}"
    letters = [
        DeadLetter(one.to_record(), Position(topic, 3, 0), reason)
        for one in (event, replace(event, data_ref="file:///etc/passwd"))
    ]
    async with KafkaConnection(installed.servers).producer() as producer:
        for letter in letters:
            record = letter.to_record()
            await producer.send_and_wait(
                f"{installed.prefix}{DEAD_LETTER}",
                record.value,
                key=record.key,
                partition=3,
                headers=list(record.headers),
            )
    assert await asyncio.to_thread(dead_letters.main, ["--json", "-", *installed.options]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["dataref"] for one in listed] == [event.data_ref, "file:///etc/passwd"]
    saved = tmp_path / "saved"
    arguments = ["--save", str(saved), "--replay", "3:0", *installed.options]
    assert await asyncio.to_thread(dead_letters.main, arguments) == 0
    assert (saved / "3-0.bin").read_bytes() == large
    assert await installed.first(RECORDINGS) == replace(event.to_record(), timestamp_ms=None)
    assert await asyncio.to_thread(dead_letters.main, ["--save", str(saved), "3:1", *installed.options]) == 1
    told = capsys.readouterr()
    assert "3-1.bin: not saved: ce_dataref: " in told.out
    assert "1 of 1 input could not be saved" in told.err
    assert not (saved / "3-1.bin").exists()
