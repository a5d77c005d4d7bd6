"""`emit` sends files and folders through a genuine Kafka: what arrives, under which call ids, and what it says."""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import RawAudio, Record
from schemas.topics import RAW
from scripts.commands import emit
from streams.audio import Clip, decode, g711
from streams.codecs import WavEncoder
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.signals import clip_of, encode_as, speech, write_sound

Emit = Callable[..., Awaitable[tuple[int, dict[str, list[RawAudio]]]]]


@pytest.fixture
async def emitted(broker: Broker, namespace: Namespace) -> Emit:
    """Runs the command; returns its exit code, and all events of the topic by call id."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)

    async def run(*arguments: object) -> tuple[int, dict[str, list[RawAudio]]]:
        where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
        code = await asyncio.to_thread(emit.main, [*map(str, arguments), "--hotel", "seaside", *where])
        return code, await _events(broker, f"{namespace.prefix}{RAW}")

    return run


async def _events(broker: Broker, topic: str) -> dict[str, list[RawAudio]]:
    found: dict[str, list[RawAudio]] = defaultdict(list)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(8)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        for partition, end in (await consumer.end_offsets(partitions)).items():
            while await consumer.position(partition) < end:
                message = await consumer.getone(partition)
                event = RawAudio.from_record(Record(message.key, message.value, tuple(message.headers)))
                assert isinstance(event, RawAudio)
                found[event.call_id].append(event)
    return dict(found)


def joined(events: list[RawAudio]) -> Clip:
    """The audio of a media stream."""
    clips = [decode(event.audio, event.media_type) for event in events]
    samples = [clip.samples for clip in clips if isinstance(clip, Clip)]
    assert len(samples) == len(events)
    return clip_of(np.concatenate(samples), clips[0].rate if isinstance(clips[0], Clip) else 0)


async def test_a_folder_is_one_call_a_file_and_what_cannot_be_sent_costs_itself_only(
    emitted: Emit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "calls"
    (folder / "lobby").mkdir(parents=True)
    said = speech(3)
    (folder / "one.wav").write_bytes(encode_as(said, "audio/wav"))
    (folder / "lobby/tür zwei.sln").write_bytes(encode_as(said, "audio/x-slin;rate=8000"))
    (folder / os.fsdecode(b"\xe4.mp3")).write_bytes(encode_as(said, "audio/mpeg"))
    (folder / "broken.flac").write_bytes(b"fLaC and no more")
    (folder / "video.m4a").touch()
    (folder / ".hidden.wav").touch()
    report = tmp_path / "report.json"

    code, calls = await emitted(folder, "--json", report)

    assert code == 1
    assert set(calls) == {"one", "lobby/tür zwei", "\\xe4"}
    for call in ("one", "lobby/tür zwei"):
        assert np.array_equal(joined(calls[call]).samples, said.samples)
        assert [(event.sequence, event.final, event.channel) for event in calls[call]] == [
            (0, False, None),
            (1, True, None),
        ]
    shown = capsys.readouterr()
    assert "lobby/tür zwei: 2 segments, 3.00 s, 48000 bytes to" in shown.out
    assert [line.split(": ")[1] for line in shown.err.splitlines()] == [
        "left out 1 (hidden)",
        str(folder / "video.m4a"),
        str(folder / "broken.flac"),
    ]
    told = json.loads(report.read_text())
    assert {call["call"]: call["segments"] for call in told["calls"]} == dict.fromkeys(calls, 2)
    assert len(told["failed"]) == 2


async def test_stereo_is_two_channels_of_one_call_in_the_order_of_time(emitted: Emit, tmp_path: Path) -> None:
    said = speech(5, channels=2)
    (tmp_path / "call.wav").write_bytes(encode_as(said, "audio/wav"))

    code, calls = await emitted(tmp_path / "call.wav", "--call", "c")

    assert code == 0
    assert [(event.channel, event.sequence, event.final) for event in calls["c"]] == [
        ("guest", 0, False),
        ("agent", 0, False),
        ("guest", 1, False),
        ("agent", 1, False),
        ("guest", 2, True),
        ("agent", 2, True),
    ]
    for side, channel in enumerate(("guest", "agent")):
        events = [event for event in calls["c"] if event.channel == channel]
        assert np.array_equal(joined(events).samples[:, 0], said.samples[:, side])
        assert {str(event.media_type) for event in events} == {"audio/L16;rate=8000;channels=1"}
    assert len({(event.time, event.sequence) for event in calls["c"]}) == 3


async def test_stereo_can_stay_together_and_sides_have_other_names(emitted: Emit, tmp_path: Path) -> None:
    said = speech(2, channels=2)
    (tmp_path / "call.wav").write_bytes(encode_as(said, "audio/wav"))

    await emitted(tmp_path / "call.wav", "--call", "both", "--channels", "together", "--channel", "mixed")
    code, calls = await emitted(tmp_path / "call.wav", "--call", "apart", "--channels", "agent,prompt")

    assert code == 0
    assert [event.channel for event in calls["both"]] == ["mixed"]
    assert np.array_equal(joined(calls["both"]).samples, said.samples)
    assert [event.channel for event in calls["apart"]] == ["agent", "prompt"]


@pytest.mark.parametrize(("law", "suffix", "name"), [("pcmu", "ulaw", "audio/PCMU"), ("pcma", "alaw", "audio/PCMA")])
async def test_g711_stays_g711(emitted: Emit, tmp_path: Path, law: g711.Law, suffix: str, name: str) -> None:
    codes = g711.encode(speech(3).samples, law)
    wav = WavEncoder(law).encode(clip_of(g711.decode(codes, law))).audio
    (tmp_path / "call.wav").write_bytes(wav)
    (tmp_path / f"raw.{suffix}").write_bytes(codes.tobytes())

    code, calls = await emitted(tmp_path)

    assert code == 0
    for call in ("call", "raw"):
        assert {event.media_type.type for event in calls[call]} == {name}
        assert b"".join(event.audio for event in calls[call]) == codes.tobytes()


async def test_a_whole_file_is_one_record_as_it_is(
    emitted: Emit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_STORES", f"file://{tmp_path}/stored")
    monkeypatch.setenv("AUDIO_MAX_SIZE", "9MB")
    deep = write_sound(np.arange(-4000, 4000, dtype=np.int32) << 8, 8000, "WAV", "PCM_24")
    (tmp_path / "deep.wav").write_bytes(deep)
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(9 * 2**20)

    code, calls = await emitted(tmp_path, "--whole", "--channel", "agent")

    assert code == 1
    (event,) = calls["deep"]
    assert (event.audio, str(event.media_type), event.channel, event.final) == (deep, "audio/wav", "agent", True)
    assert set(calls) == {"deep"}
