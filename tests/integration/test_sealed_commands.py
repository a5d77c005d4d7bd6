"""Commands open what their keys may open, and say what they could not open and why."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas import DeadLetter, Position, RawAudio, Record, Rejection
from schemas.topics import DEAD_LETTER
from schemas.topics import RAW as RAW_TOPIC
from scripts.commands import calls, dead_letters, export, listen
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import open_record, seal_record
from tests.support.archives import Archive, a_call, manifests, until
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW
from tests.support.sealing import SealedTopics, sealed_topics
from tests.support.topic_records import first_records


@pytest.fixture
async def topics(
    broker: Broker, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SealedTopics]:
    monkeypatch.setenv("AUDIO_STORES", f"file://{tmp_path}/objects")
    async with sealed_topics(broker, namespace, tmp_path / "keys") as made:
        monkeypatch.setenv("AUDIO_KEY_STORE", made.address)
        yield made


@pytest.fixture
def where(broker: Broker, namespace: Namespace) -> list[str]:
    return ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]


async def seal_calls(topics: SealedTopics, *names: str) -> dict[str, DataKey]:
    return {name: await topics.seal([one.to_record() for one in a_call(name)]) for name in names}


async def listed(where: Sequence[str], file: Path) -> dict[str, Any]:
    assert await asyncio.to_thread(calls.main, ["list", "--json", str(file), *where]) == 0
    return {one["call"]: one for one in json.loads(file.read_text())}


async def test_listen_saves_what_it_opens_and_tells_the_rest(
    topics: SealedTopics, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = await seal_calls(topics, "erased", "call-1")
    await topics.erase(keys["erased"])
    segments = a_call("call-1")

    options = ["--from-beginning", "--count", str(len(segments)), "--save", str(tmp_path / "out")]
    assert await asyncio.to_thread(listen.main, [*options, *where]) == 0

    saved = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [path.read_bytes() for path in saved] == [one.audio for one in segments]
    told = capsys.readouterr()
    assert told.out.count("sealed: ce_sealkey: leads to a key that was erased") == len(a_call("erased"))
    assert f"{len(a_call('erased'))} sealed records not opened: {len(a_call('erased'))} erased" in told.err


async def test_calls_are_listed_and_exported_without_those_that_were_erased(
    topics: SealedTopics, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = await seal_calls(topics, "erased", "call-1")
    await topics.erase(keys["erased"])

    found = await listed(where, tmp_path / "calls.json")
    assert found.keys() == {"call-1"}
    assert found["call-1"]["complete"]
    assert "erased" in capsys.readouterr().err
    options = ["export", "--format", "as-is", "--out", str(tmp_path / "out"), *where]
    assert await asyncio.to_thread(calls.main, options) == 0
    files = sorted((tmp_path / "out").rglob("*.ogg"))
    assert [path.read_bytes() for path in files] == [one.audio for one in a_call("call-1")]


async def test_without_the_key_store_calls_are_listed_with_the_reason(
    topics: SealedTopics,
    where: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await seal_calls(topics, "call-1")
    monkeypatch.setenv("AUDIO_KEY_STORE", f"file://{tmp_path}/none")

    found = await listed(where, tmp_path / "calls.json")

    assert not found["call-1"]["complete"]
    assert "cannot be opened: ce_sealkey: leads to a key without access" in found["call-1"]["problems"][0]
    assert f"no access to keys: {tmp_path}/none: No such file or directory" in capsys.readouterr().err


async def test_the_archive_keeps_results_sealed_and_the_export_opens_them(
    topics: SealedTopics, archive: Archive, where: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_STORES", f"file://{archive.root}")
    segments = a_call("call-1")
    key = await topics.seal([one.to_record() for one in segments])
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(archive.root)))
    files = list(archive.root.rglob("*.sealed"))
    assert len(files) == len(segments)
    assert not any(one.audio in path.read_bytes() for one in segments for path in files)
    await topics.forget()

    options = ["--hotel", "seaside", "--from", "yesterday", "--format", "as-is", "--out", str(tmp_path / "out"), *where]
    assert await asyncio.to_thread(export.main, options) == 0
    exported = sorted((tmp_path / "out").rglob("*.ogg"))
    assert [path.read_bytes() for path in exported] == [one.audio for one in segments]
    await topics.erase(key)
    options[options.index(str(tmp_path / "out"))] = str(tmp_path / "after")
    assert await asyncio.to_thread(export.main, options) == 0
    assert not list((tmp_path / "after").rglob("*.ogg"))


async def test_dead_letters_are_shown_sealed_and_saved_open(
    topics: SealedTopics, namespace: Namespace, where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rejection = Rejection("decode", "UndecodableAudio", "value", "is no audio")
    event = replace(RAW, audio=b"what somebody said")
    letter = DeadLetter(event.to_record(), Position(f"{namespace.prefix}audio.raw", 3, 1), rejection)
    key = await topics.seal([])
    sealed = seal_record(letter.to_record(), key)
    await topics.write((f"{namespace.prefix}{DEAD_LETTER}", sealed))

    assert await asyncio.to_thread(dead_letters.main, ["--json", str(tmp_path / "letters.json"), *where]) == 0
    [shown] = json.loads((tmp_path / "letters.json").read_text())
    assert (shown["sealed"], shown["hotel"], shown["code"]) == (True, event.hotel_id, "UndecodableAudio")
    save = [shown["letter"], "--save", str(tmp_path / "out"), *where]
    assert await asyncio.to_thread(dead_letters.main, save) == 0
    [file] = (tmp_path / "out").iterdir()
    assert file.read_bytes() == event.audio
    file.unlink()
    await topics.erase(key)
    capsys.readouterr()
    assert await asyncio.to_thread(dead_letters.main, save) == 1
    told = capsys.readouterr()
    assert "not saved: ce_sealkey: leads to a key that was erased" in told.out
    assert "1 sealed record not opened: 1 erased" in told.err
    assert not list((tmp_path / "out").iterdir())


async def test_a_sealed_input_is_sent_again_as_it_is_without_its_key(
    topics: SealedTopics, broker: Broker, namespace: Namespace, where: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDIO_KEY_STORE")
    raw = f"{namespace.prefix}{RAW_TOPIC}"
    rejection = Rejection("decode", "UndecodableAudio", "value", "is no audio")
    key = await topics.seal([])
    letter = DeadLetter(RAW.to_record(), Position(raw, 3, 1), rejection)
    await topics.write((f"{namespace.prefix}{DEAD_LETTER}", seal_record(letter.to_record(), key)))

    assert await asyncio.to_thread(dead_letters.main, ["--replay", "--hotel", RAW.hotel_id, *where]) == 0

    [sent] = await first_records(broker.bootstrap_servers, raw, 1)
    assert sent.value != RAW.audio
    opened = open_record(sent, lambda _: key)
    assert isinstance(opened, Record)
    assert RawAudio.from_record(opened) == RAW
