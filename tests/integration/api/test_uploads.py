import asyncio
import hashlib
from pathlib import Path

import httpx
import numpy as np

from schemas.topics import RAW
from streams.clients.topic_reader import TopicReader
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace

AUDIO = np.random.default_rng(7).bytes(8000)
PARAMETERS = {"hotel": "lisbon", "call": "call-1", "channel": "guest", "sequence": "0"}
PCMU = {"content-type": "audio/PCMU"}


def post(api: ApiProcess, audio: bytes = AUDIO, headers: dict[str, str] = PCMU, **parameters: str) -> httpx.Response:
    where = f"{api.url}/v1/recordings"
    return httpx.post(where, params=PARAMETERS | parameters, content=audio, headers=headers, timeout=30)


def test_what_is_sent_is_accepted_and_known_at_once_everywhere(
    broker: Broker, namespace: Namespace, api: ApiProcess, tmp_path: Path
) -> None:
    other = ApiProcess(broker.bootstrap_servers, namespace, tmp_path / "other")
    other.start()
    try:
        other.wait_until_ready()
        answer = post(api)
        assert answer.status_code == 202
        assert answer.headers["retry-after"]
        number = answer.json()["id"]
        assert answer.headers["location"] == f"/v1/recordings/{number}"
        for one in (api, other):
            found = one.state_of(number)
            assert (found["state"], found["hotel"], found["call"]) == ("queued", "lisbon", "call-1")
            assert found["original"]["sha256"] == hashlib.sha256(AUDIO).hexdigest()
            original = httpx.get(f"{one.url}/v1/recordings/{number}/original")
            assert (original.content, original.headers["content-type"]) == (AUDIO, "audio/PCMU")
            early = httpx.get(f"{one.url}/v1/recordings/{number}/audio")
            assert (early.status_code, early.headers["retry-after"]) == (409, "1")
    finally:
        other.stop()


async def test_the_same_key_fifty_times_in_parallel_is_one_recording(
    broker: Broker, namespace: Namespace, api: ApiProcess
) -> None:
    headers = PCMU | {"Idempotency-Key": "key-1"}
    async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
        sends = [client.post("/v1/recordings", params=PARAMETERS, content=AUDIO, headers=headers) for _ in range(50)]
        answers = await asyncio.gather(*sends)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert post(api, AUDIO[1:], headers).status_code == 422
    api.wait_for(answers[0].json()["id"], "queued")
    assert post(api, AUDIO[1:], headers).status_code == 422
    assert post(api, AUDIO, headers).json()["id"] == answers[0].json()["id"]
    async with TopicReader(broker.bootstrap_servers, f"{namespace.prefix}{RAW}") as reader:
        begins, ends = await reader.bounds()
    assert sum(ends.values()) - sum(begins.values()) == 1
    other_hotel = post(api, AUDIO[1:], headers, hotel="porto")
    assert other_hotel.status_code == 202
    assert other_hotel.json()["id"] != answers[0].json()["id"]


def test_what_cannot_be_taken_in_is_refused_at_once(api: ApiProcess) -> None:
    assert post(api, headers={"content-type": "video/mp4"}).status_code == 415
    assert post(api, headers={}).status_code == 415
    assert post(api, headers={"content-type": "audio/L16"}).status_code == 415
    assert post(api, b"").status_code == 422
    assert post(api, b"odd", {"content-type": "audio/L16;rate=8000"}).status_code == 422
    assert post(api, channel="nobody").status_code == 400
    assert post(api, sequence="-1").status_code == 400
    assert post(api, hotel="").status_code == 400
    assert post(api, headers=PCMU | {"Idempotency-Key": "a b"}).status_code == 400


def test_large_audio_goes_through_the_store_and_comes_back_in_parts(api: ApiProcess) -> None:
    audio = np.random.default_rng(8).bytes(3_000_000)
    answer = post(api, audio)
    assert answer.status_code == 202
    url = f"{api.url}/v1/recordings/{answer.json()['id']}/original"
    api.wait_for(answer.json()["id"], "queued")
    whole = httpx.get(url)
    assert whole.content == audio
    part = httpx.get(url, headers={"Range": "bytes=2000000-2000099"})
    assert (part.status_code, part.content) == (206, audio[2_000_000:2_000_100])
    assert part.headers["content-range"] == "bytes 2000000-2000099/3000000"
    assert part.headers["etag"] == whole.headers["etag"] == f'"sha256-{hashlib.sha256(audio).hexdigest()}"'
