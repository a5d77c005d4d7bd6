import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from schemas import CompressedAudio, Record
from schemas import headers as h
from scripts.commands import calls
from streams.codecs import FlacEncoder
from tests.support.brokers import Broker, Namespace
from tests.support.call_segments import encoded, noise
from tests.support.result_topic import ResultTopic

FLAC = FlacEncoder(5)
PIECES = [noise(0.5, seed=number) for number in range(4)]


class Command:
    """The command `calls` on the test's topics."""

    def __init__(self, broker: Broker, namespace: Namespace, directory: Path) -> None:
        self._where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
        self._json = directory / "out.json"

    async def __call__(self, *arguments: str) -> tuple[int, Any]:
        self._json.unlink(missing_ok=True)
        code = await asyncio.to_thread(calls.main, [*arguments, "--json", str(self._json), *self._where])
        return code, json.loads(self._json.read_text()) if self._json.exists() else None


@pytest.fixture
def command(broker: Broker, namespace: Namespace, tmp_path: Path) -> Command:
    return Command(broker, namespace, tmp_path)


def call(call_id: str, channel: str = "guest", hotel: str = "seaside") -> list[CompressedAudio]:
    return [
        encoded(
            piece,
            FLAC,
            number,
            channel=channel,
            call_id=call_id,
            stream_id=f"{call_id}:{channel}",
            hotel_id=hotel,
            time=None,
            final=number == len(PIECES) - 1,
        )
        for number, piece in enumerate(PIECES)
    ]


def damaged(result: CompressedAudio) -> Record:
    record = result.to_record()
    headers = tuple((name, b"0" * 64 if name == h.SHA256 else value) for name, value in record.headers)
    return replace(record, headers=headers)


async def test_calls_are_listed_and_exported(
    results: ResultTopic, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, lacking = call("call-1"), call("\u00fc/../b", channel="agent")
    await results.write(*(one.to_record() for one in whole), Record(b"x", b"?"), Record(b"x", None))
    await results.write(whole[1].to_record(), commit=False)
    await results.write(lacking[0].to_record(), damaged(lacking[2]), whole[0].to_record())
    await results.write(*(one.to_record() for one in call("elsewhere", hotel="alpine")))

    code, listed = await command("list", "--hotel", "seaside", "--since", "yesterday")
    assert code == 0
    assert [(one["call"], one["segments"], one["missing"], one["complete"]) for one in listed] == [
        ("call-1", 4, 0, True),
        ("\u00fc/../b", 2, 1, False),
    ]
    printed = capsys.readouterr()
    assert "2 calls" in printed.out
    assert "skipped 2 records that are no results" in printed.err

    out = tmp_path / "out"
    code, exported = await command("export", "--hotel", "seaside", "--out", str(out), "--format", "flac")
    assert code == 0
    samples, _ = soundfile.read(out / "seaside" / "call-1" / "guest.flac", dtype="int16", always_2d=True)
    assert (samples == np.concatenate([piece.samples for piece in PIECES])).all()
    manifest = json.loads((out / "seaside" / "call-1" / "manifest.json").read_text())
    assert manifest | {"directory": str(out / "seaside" / "call-1")} == exported[0]
    assert manifest["notes"] == ["guest: 1 segment came more than once; each counts once"]
    told = manifest["tracks"][0]["segments"]
    assert [(one["sequence"], one["atFrame"], one["sha256Matches"]) for one in told] == [
        (number, 4000 * number, True) for number in range(4)
    ]
    assert [one["sha256"] for one in told] == [one.sha256 for one in whole]
    assert exported[1]["problems"] == [
        "agent: segment 1 is missing",
        "agent: segment 2 is not the file that ce_sha256 describes",
        "no segment with ce_final has come",
    ]
    assert {path.name for path in (out / "seaside").iterdir()} == {"call-1", Path(exported[1]["directory"]).name}
    assert "incomplete: agent: segment 1 is missing" in capsys.readouterr().out


async def test_a_channel_of_a_call_as_it_is(results: ResultTopic, command: Command, tmp_path: Path) -> None:
    guest, agent = call("call-1"), call("call-1", channel="agent")
    await results.write(*(one.to_record() for one in [*agent, *(replace(one, final=False) for one in guest)]))
    arguments = [
        "export",
        "--call",
        "call-1",
        "--channel",
        "guest",
        "--format",
        "as-is",
        "--out",
        str(tmp_path / "out"),
    ]
    code, (exported,) = await command(*arguments)
    directory = tmp_path / "out" / "seaside" / "call-1"
    assert (code, exported["complete"], exported["channels"]) == (0, True, ["guest"])
    assert exported["files"] == [f"guest-{number}.flac" for number in range(4)]
    assert [(directory / name).read_bytes() for name in exported["files"]] == [one.audio for one in guest]


async def test_since_and_until_choose_by_the_time_of_writing(results: ResultTopic, command: Command) -> None:
    await results.write(*(one.to_record() for one in call("call-1")))
    assert (await command("list", "--since", "1h", "--until", "30m")) == (0, [])
    assert [one["call"] for one in (await command("list", "--since", "1m"))[1]] == ["call-1"]


async def test_a_call_that_is_not_there_is_an_error(
    results: ResultTopic, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("export", "--call", "nobody", "--out", str(tmp_path / "out")) == (1, None)
    assert "no result is of call 'nobody'" in capsys.readouterr().err
    (tmp_path / "file").touch()
    await results.write(*(one.to_record() for one in call("call-1")))
    assert (await command("export", "--out", str(tmp_path / "file")))[0] == 1
    assert "Not a directory" in capsys.readouterr().err
