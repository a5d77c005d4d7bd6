"""Recordings that are sent as calls come back from a whole worker as calls."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.topics import COMPRESSED
from scripts.commands import calls, emit
from streams.clients import Call, CompressedAudioConsumer
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.signals import speech

SECONDS = 7.3


def written(path: Path, clip: NDArray[np.int16]) -> Path:
    soundfile.write(path, clip, 8000)
    return path


def read(path: Path) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return samples


async def test_both_sides_of_a_call_come_back_on_one_clock(
    broker: Broker, namespace: Namespace, worker: Worker, tmp_path: Path
) -> None:
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    recording = written(tmp_path / "call.wav", speech(SECONDS, channels=2).samples)
    sending = [str(recording), "--hotel", "M\u00fcnchen", "--call", "call/1", *where]
    topic, found = f"{namespace.prefix}{COMPRESSED}", []
    with running(worker):
        async with CompressedAudioConsumer(broker.bootstrap_servers, topic, group_id=f"{topic}-readers") as consumer:
            assert await asyncio.to_thread(emit.main, sending) == 0
            async with asyncio.timeout(60), aclosing(consumer.calls()) as whole:
                found.append(await anext(whole))
    (call,) = found
    assert isinstance(call, Call)
    assert (call.complete, [track.name for track in call.tracks]) == (True, ["guest", "agent"])
    joined = [track.join() for track in call.tracks]
    frames = round(SECONDS * 8000)
    assert [clip.samples.shape for clip in joined] == [(frames, 1)] * 2

    for options in (["--stereo"], ["--format", "flac"], ["--format", "as-is"]):
        exporting = ["export", "--since", "1h", "--out", str(tmp_path / "out"), *options, *where]
        assert await asyncio.to_thread(calls.main, exporting) == 0
    (manifest,) = (tmp_path / "out").glob("M\u00fcnchen/call_1~*/manifest.json")
    assert (read(manifest.parent / "stereo.wav") == np.hstack([clip.samples for clip in joined])).all()
    for track, clip in zip(call.tracks, joined, strict=True):
        assert (read(manifest.parent / f"{track.name}.flac") == clip.samples).all()
    told = json.loads(manifest.read_text())
    assert (told["hotel"], told["call"], told["complete"], told["durationMs"]) == ("M\u00fcnchen", "call/1", True, 7300)
    as_is = {one["file"]: one["sequence"] for track in told["tracks"] for one in track["segments"]}
    segments = {(track.name, one.result.sequence): one.result.audio for track in call.tracks for one in track.segments}
    assert {
        (name.split("-")[0], number): (manifest.parent / name).read_bytes() for name, number in as_is.items()
    } == segments
