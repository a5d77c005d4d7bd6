import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas import CompressedAudio
from schemas.topics import COMPRESSED
from streams.api.index.identity import recording_id
from streams.audio import Clip
from streams.codecs import FlacEncoder
from streams.kafka.connection import KafkaConnection
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.call_segments import BEGAN, encoded, noise

CALL = "/v1/calls/call-1"


def segment(clip: Clip, channel: str, number: int, *, at: float, final: bool = False) -> CompressedAudio:
    """A segment of call-1 that begins some seconds after the call."""
    made = encoded(clip, FlacEncoder(5), number, channel=channel, time=BEGAN + timedelta(seconds=at), final=final)
    return replace(made, causation_source="/pbx", hotel_id="lisbon")


async def write(broker: Broker, namespace: Namespace, results: Sequence[CompressedAudio]) -> None:
    producer = KafkaConnection(broker.bootstrap_servers).producer()
    await producer.start()
    try:
        for one in results:
            record = one.to_record()
            topic = f"{namespace.prefix}{COMPRESSED}"
            await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()


async def test_a_call_is_one_file_with_silence_where_segments_are_missing(
    broker: Broker, namespace: Namespace, api: ApiProcess
) -> None:
    guest, agent = [noise(0.5, seed=number) for number in range(2)], noise(1.0, seed=9)
    await write(
        broker,
        namespace,
        [
            segment(guest[0], "guest", 0, at=0.0),
            segment(agent, "agent", 0, at=0.25, final=True),
            segment(guest[1], "guest", 2, at=1.0, final=True),
        ],
    )
    await asyncio.to_thread(api.wait_for, recording_id("/pbx", "guest-2"), "done")
    expected = np.zeros((12_000, 2), np.int16)
    expected[:4000, 0], expected[8000:, 0] = guest[0].samples[:, 0], guest[1].samples[:, 0]
    expected[2000:10_000, 1] = agent.samples[:, 0]
    async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
        found = (await client.get(CALL)).json()
        assert (found["channels"], found["segmentCount"], found["final"]) == (["agent", "guest"], 3, True)
        assert (found["gaps"], found["complete"]) == ([{"channel": "guest", "first": 1, "last": 1}], False)
        await check_pages(client, [one["id"] for one in found["segments"]])
        for kind in ("flac", "wav"):
            answer = await client.get(f"{CALL}/audio", params={"format": kind})
            assert (answer.status_code, answer.headers["content-type"]) == (200, f"audio/{kind}")
            assert (samples_of(answer.content) == expected).all()
        await check_parts(client)
        assert len(samples_of((await client.get(f"{CALL}/audio", params={"format": "ogg"})).content)) == len(expected)
        assert (await client.get(f"{CALL}/audio", params={"format": "mp3"})).status_code == 400
        assert (await client.get(f"{CALL}/audio", params={"hotel": "porto"})).status_code == 404
        assert (await client.get(f"{CALL}-unknown/audio")).status_code == 404


def samples_of(content: bytes) -> NDArray[np.int16]:
    samples, _ = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    return np.asarray(samples)


async def check_pages(client: httpx.AsyncClient, numbers: list[str]) -> None:
    """One segment at a time is all of them in the same order."""
    seen, cursor = list[str](), None
    while True:
        page = (await client.get(CALL, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
        assert page["segmentCount"] == 3
        seen += [one["id"] for one in page["segments"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == numbers
    other = await client.get(CALL, params={"cursor": "A" * 43})
    assert other.status_code == 422


async def check_parts(client: httpx.AsyncClient) -> None:
    """Conditions and ranges, as players ask."""
    whole = await client.get(f"{CALL}/audio")
    head = await client.head(f"{CALL}/audio")
    assert (head.headers["content-length"], head.content) == (str(len(whole.content)), b"")
    part = await client.get(f"{CALL}/audio", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    same = await client.get(f"{CALL}/audio", headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
