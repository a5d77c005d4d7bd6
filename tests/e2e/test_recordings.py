"""Recordings and live segments together: each has one outcome, whatever happens to workers and to the store."""

import asyncio
import hashlib
import io
from pathlib import Path

import pytest
import soundfile

from schemas import CompressedAudio, DeadLetter
from schemas.topics import RAW
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.recordings import RATE, Installation, recording, sequences

pytestmark = pytest.mark.timeout(300)

#: Seconds of audio whose processing takes long enough for something to happen meanwhile.
LONG = 1200


@pytest.fixture
def installation(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Installation:
    made = Installation(broker, namespace, tmp_path)
    made.store.mkdir()
    return made


def metric(worker: Worker, name: str) -> float:
    """Sum of a metric over its labels."""
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)


async def reaches(worker: Worker, name: str, value: float) -> None:
    """Wait until a metric has a value."""
    while metric(worker, name) < value:
        await asyncio.sleep(0.05)


async def exactly_once(installation: Installation, *workers: Worker) -> list[CompressedAudio | DeadLetter]:
    """Wait for all outcomes, stop the workers, and check that there is one for each input."""
    await installation.outcomes()
    for worker in workers:
        while metric(worker, "audio_recordings_in_progress"):  # cancelled ones end at their next block
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(worker.stop) == 0
    found = await installation.outcomes()
    assert sorted(map(repr, (one.source for one in found))) == sorted(map(repr, installation.sent))
    assert not list(workers[0].state.glob("recordings/*"))
    return [one.event for one in found]


def logged(worker: Worker, event: str) -> int:
    """Number of log lines of an event."""
    return sum(line["event"] == event for line in worker.lines())


def audio_of(result: CompressedAudio) -> bytes:
    """The file of a result, wherever it lies."""
    if result.data_ref is None:
        return result.audio
    content = Path(result.data_ref.removeprefix("file://")).read_bytes()
    assert hashlib.sha256(content).hexdigest() == result.data_sha256
    return content


async def test_recordings_and_live_segments_are_served_in_the_order_of_their_calls(
    installation: Installation, tmp_path: Path
) -> None:
    files = [recording(tmp_path / f"r{number}.wav", 20 + number, seed=number) for number in range(3)]
    worker = installation.worker(AUDIO_INLINE_LIMIT="1000")
    with running(worker):
        await installation.send(*files)
        await installation.send_live(10)
        await installation.send(files[0], topic=RAW, call="call-m")
        await installation.send_live(5, call="call-m", first=1)
        results = await exactly_once(installation, worker)
    outcomes = await installation.outcomes()
    assert sequences(outcomes, "call-r") == [0, 1, 2]
    assert sequences(outcomes, "call-l") == list(range(10))
    assert sequences(outcomes, "call-m") == list(range(6)), "a call waits for its own recording"
    by_call = [one for one in results if isinstance(one, CompressedAudio) and one.call_id == "call-r"]
    for number, result in enumerate(by_call):
        assert result.duration_ms == (20 + number) * 1000
        assert result.original_bytes == files[number].stat().st_size
        with soundfile.SoundFile(io.BytesIO(audio_of(result))) as file:
            assert file.frames / file.samplerate == pytest.approx(20 + number, abs=1 / RATE)
    assert logged(worker, "recording_compressed") == 4


async def test_a_worker_that_dies_or_stops_half_way_loses_nothing_and_doubles_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    worker = installation.worker()
    await installation.send(recording(tmp_path / "long.wav", LONG))
    with running(worker):
        await reaches(worker, "audio_recording_seconds_total", 1)
        worker.kill()
        assert list((worker.state / "recordings").iterdir()), "it died half way"
        await installation.send_live(5)
        worker.start()
        await asyncio.to_thread(worker.wait_ready)
        await reaches(worker, "audio_recording_seconds_total", 1)
        assert await asyncio.to_thread(worker.stop) == 0
        assert not list(worker.state.glob("recordings/*/source")), "a stop leaves nobody's audio behind"
        worker.start()
        results = await exactly_once(installation, worker)
    assert all(isinstance(one, CompressedAudio) for one in results)


async def test_a_rebalance_half_way_loses_nothing_and_doubles_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    first, second = installation.worker("first"), installation.worker("second")
    files = [recording(tmp_path / f"long{number}.wav", LONG // 2, seed=number) for number in range(2)]
    with running(first):
        for number, file in enumerate(files):
            await installation.send(file, call=f"call-{number}")
        await reaches(first, "audio_recording_seconds_total", 1)
        with running(second):
            await installation.send_live(10)
            results = await exactly_once(installation, first, second)
    assert all(isinstance(one, CompressedAudio) for one in results)


async def test_a_store_that_fails_half_way_delays_the_recording_alone_and_loses_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    worker, away = installation.worker(AUDIO_INLINE_LIMIT="1000"), tmp_path / "away"
    await installation.send(recording(tmp_path / "long.wav", LONG))
    with running(worker):
        await reaches(worker, "audio_recording_seconds_total", 1)
        installation.store.rename(away)
        installation.store.write_text("no directory")
        recordings, installation.sent = installation.sent, []
        await installation.send_live(5)
        await installation.outcomes()
        await reaches(worker, "audio_recordings_waiting", 1)
        installation.store.unlink()
        away.rename(installation.store)
        installation.sent += recordings
        results = await exactly_once(installation, worker)
    assert all(isinstance(one, CompressedAudio) for one in results)
    assert logged(worker, "recording_waits") >= 1


async def test_bad_recordings_are_dead_letters(installation: Installation, tmp_path: Path) -> None:
    worker, noise = installation.worker(), tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF" + bytes(50_000))
    with running(worker):
        await installation.send_reference(f"file://{installation.store}/sha256/ab/nothing")
        await installation.send_reference("file:///etc/passwd")
        await installation.send_reference("s3://elsewhere/key", topic=RAW)
        await installation.send(noise)
        letters = await exactly_once(installation, worker)
    codes = [one.rejection.code for one in letters if isinstance(one, DeadLetter)]
    assert sorted(codes)[:3] == ["ForbiddenReference", "ForbiddenReference", "ObjectMissing"]
    assert len(codes) == 4
