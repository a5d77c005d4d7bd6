import io

import httpx
import numpy as np
import soundfile

from tests.support.api_process import ApiProcess
from tests.support.signals import speech


def file_of(seconds: float, container: str) -> bytes:
    file, samples = io.BytesIO(), speech(2.0).samples
    repeated = np.resize(samples, (round(seconds * 8000), 1))
    soundfile.write(file, repeated, 8000, format=container)
    return file.getvalue()


def estimated(api: ApiProcess, content: bytes, kind: str = "audio/flac") -> httpx.Response:
    headers = {"content-type": kind}
    return httpx.post(f"{api.url}/v1/estimates?hotel=lisbon", content=content, headers=headers, timeout=120)


def test_an_estimate_says_what_a_file_would_become_and_takes_no_more_than_ten_minutes(api: ApiProcess) -> None:
    file = file_of(4.0, "WAV")
    answer = estimated(api, file)
    assert (answer.status_code, answer.json()["durationMs"]) == (200, 4000)
    assert answer.json()["originalBytes"] == len(file)
    assert answer.json()["bytes"] < len(file) / 2
    for content, kind in ((bytes(8000 * 601), "audio/PCMU"), (file_of(601, "FLAC"), "audio/flac")):
        long = estimated(api, content, kind)
        assert (long.status_code, "600 s at most" in long.json()["detail"]) == (413, True)
    large = estimated(api, bytes(16 * 2**20 + 1))
    assert (large.status_code, "16777216 bytes" in large.json()["detail"]) == (413, True)
    for content, kind, status in ((b"no audio", "audio/flac", 422), (b"1", "video/mp4", 415), (b"", "audio/flac", 422)):
        assert estimated(api, content, kind).status_code == status, (content, kind)
