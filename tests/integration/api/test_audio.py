import hashlib
import io

import httpx
import numpy as np
import soundfile

from tests.chaos.workers import Worker
from tests.support.api_process import ApiProcess

SECONDS = 4
PARAMETERS = {"hotel": "lisbon", "call": "call-1", "channel": "guest", "final": "true"}


def wav() -> bytes:
    """Some seconds of noise that swells, at 8000 Hz."""
    noise = np.random.default_rng(5).normal(0, 1, SECONDS * 8000) * np.linspace(100, 4000, SECONDS * 8000)
    file = io.BytesIO()
    soundfile.write(file, noise.astype(np.int16), 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def test_a_recording_is_sent_waited_for_and_heard(api: ApiProcess, worker: Worker) -> None:
    headers = {"content-type": "audio/wav", "Prefer": "wait=60"}
    answer = httpx.post(f"{api.url}/v1/recordings", params=PARAMETERS, content=wav(), headers=headers, timeout=90)
    assert (answer.status_code, answer.json()["state"]) == (200, "done")
    assert answer.headers["preference-applied"] == "wait=60"
    number, result = answer.json()["id"], answer.json()["result"]
    url = f"{api.url}/v1/recordings/{number}/audio"
    whole = httpx.get(url)
    assert whole.headers["content-type"] == result["contentType"]
    assert hashlib.sha256(whole.content).hexdigest() == result["sha256"]
    tag = whole.headers["etag"]
    assert tag == f'"sha256-{result["sha256"]}"'
    check_parts(url, whole.content, tag)
    in_wav = httpx.get(url, params={"format": "wav"})
    decoded, rate = soundfile.read(io.BytesIO(in_wav.content))
    assert (len(decoded), rate) == (SECONDS * 8000, 8000)
    check_parts(f"{url}?format=wav", in_wav.content, in_wav.headers["etag"])
    before = httpx.get(f"{api.url}/v1/recordings/{number}/original")
    assert (before.content, before.headers["content-type"]) == (wav(), "audio/wav")
    check_rebuild(api, number)


def check_parts(url: str, content: bytes, tag: str) -> None:
    """Conditions and ranges, as players and caches ask."""
    head = httpx.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(content)), b"")
    ranged = httpx.head(url, headers={"Range": "bytes=0-1"})  # of the whole file all the same: ranges are for GET alone
    assert (ranged.status_code, ranged.headers["content-length"]) == (200, str(len(content)))
    middle = httpx.get(url, headers={"Range": "bytes=100-199", "If-Range": tag})
    assert (middle.status_code, middle.content) == (206, content[100:200])
    assert middle.headers["content-range"] == f"bytes 100-199/{len(content)}"
    end = httpx.get(url, headers={"Range": "bytes=-5"})
    assert (end.status_code, end.content) == (206, content[-5:])
    other = httpx.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, content)
    beyond = httpx.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    assert beyond.headers["content-type"] == "application/problem+json"
    assert httpx.get(url, headers={"If-None-Match": tag}).status_code == 304


def check_rebuild(api: ApiProcess, number: str) -> None:
    """An index that is lost or corrupt is made anew, with the same answers."""
    known = api.state_of(number)
    for content in (None, b"corrupt" * 10_000):
        api.stop()
        index = api.state / "api" / "index.sqlite"
        index.unlink()
        if content is not None:
            index.write_bytes(content)
        api.start()
        api.wait_until_ready()
        assert api.state_of(number) == known


def test_what_is_no_audio_is_dead(api: ApiProcess, worker: Worker) -> None:
    headers = {"content-type": "audio/flac", "Prefer": "wait=60"}
    content = b"no audio " * 100
    answer = httpx.post(f"{api.url}/v1/recordings", params=PARAMETERS, content=content, headers=headers, timeout=90)
    assert (answer.status_code, answer.json()["state"]) == (200, "dead")
    assert answer.json()["refusal"]["stage"] == "decode"
    url = f"{api.url}/v1/recordings/{answer.json()['id']}"
    assert httpx.get(f"{url}/audio").status_code == 409
    assert httpx.get(f"{url}/original").content == content
    for _ in range(2):
        wanted = httpx.get(f"{url}/original", params={"format": "wav"})
        assert wanted.status_code == 422
