"""An API with samples: what the real routes answer, without Kafka."""

import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import soundfile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from streams.security.problem import MEDIA_TYPE

KEY = "a-key-for-the-sample"
SECONDS = 12
RATE = 8000
BEGAN = datetime.now(UTC) - timedelta(minutes=7)


def speech(seconds: int = SECONDS) -> np.ndarray:
    """A tone that comes and goes like syllables."""
    time = np.arange(seconds * RATE) / RATE
    pauses = np.clip(np.sin(2 * np.pi * 0.23 * time) + 0.4, 0, 1)
    envelope = np.abs(np.sin(2 * np.pi * 1.9 * time)) ** 2 * pauses
    voice = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 9))
    return (0.25 * envelope * voice).astype(np.float32)


def file(kind: str, subtype: str) -> bytes:
    """The sample in a format."""
    made = io.BytesIO()
    soundfile.write(made, speech(), RATE, format=kind, subtype=subtype)
    return made.getvalue()


FILES = {
    "audio/wav": file("WAV", "PCM_16"),
    "audio/flac": file("FLAC", "PCM_16"),
    "audio/ogg;codecs=opus": file("OGG", "OPUS"),
    "audio/ogg;codecs=vorbis": file("OGG", "VORBIS"),
}


def recording(number: int, call: str, channel: str, start: float, **changed: Any) -> dict[str, Any]:
    """A recording as the API shows it."""
    known = {
        "id": f"00000000-0000-5000-8000-{number:012d}",
        "state": "done",
        "hotel": "seaside",
        "call": call,
        "channel": channel,
        "sequence": number % 10,
        "final": False,
        "time": (BEGAN + timedelta(seconds=start)).isoformat(),
        "original": {"bytes": 192_044, "contentType": "audio/wav", "url": ""},
        "result": result(),
        "refusal": None,
    }
    return known | changed


def result(**changed: Any) -> dict[str, Any]:
    """A result as the API shows it."""
    known = {
        "bytes": 21_300,
        "contentType": "audio/ogg;codecs=opus",
        "level": 3,
        "codec": "opus",
        "reason": "default",
        "quality": 4.24,
        "durationMs": SECONDS * 1000,
        "originalBytes": 192_044,
    }
    return known | changed


REFUSAL = {
    "stage": "decode",
    "code": "UnsupportedFormat",
    "field": "value",
    "reason": "is an M4A file; convert it: ffmpeg -i in.m4a out.wav",
    "refusedAt": BEGAN.isoformat(),
}
FLAC = result(contentType="audio/flac", codec="flac", level=2, quality=5.0, reason="fax", bytes=96_000)
RECORDINGS = [
    recording(1, "call-0417", "guest", 0),
    recording(2, "call-0417", "guest", 12, result=result(level=4, quality=4.06, reason="load (level)", bytes=14_100)),
    recording(3, "call-0417", "guest", 31, result=FLAC),
    recording(11, "call-0417", "agent", 2),
    recording(12, "call-0417", "agent", 14, result=result(level=5, reason="policy floor 5", quality=3.6, bytes=9_200)),
    recording(13, "call-0417", "agent", 26, state="dead", result=None, refusal=REFUSAL),
    recording(14, "call-0417", "agent", 38, state="queued", result=None),
    recording(21, "call-0416", "prompt", -300, hotel="lisbon", result=FLAC),
    recording(
        31, "call-0415", "mixed", -7200, result=result(contentType="audio/wav", codec="pcm", level=1, quality=5.0)
    ),
    recording(32, "call-0414", "mixed", -9000, result=result(contentType="audio/ogg;codecs=vorbis", codec="vorbis")),
]
EXPIRED = "00000000-0000-5000-8000-000000000002"


def problem(status: int, detail: str) -> Response:
    """A problem document."""
    return Response(json.dumps({"status": status, "detail": detail}), status, media_type=MEDIA_TYPE)


def sample_api(recordings: list[dict[str, Any]] = RECORDINGS, key: str | None = None) -> Starlette:
    """The API.

    Args:
        recordings: What it knows.
        key: The credential that it wants, if any.
    """
    policies: dict[str, dict[str, Any]] = {"seaside": {"hotel": "seaside", "version": 3, "ceilingLevel": 4}}
    replayed: list[str] = []

    def refused(request: Request) -> Response | None:
        if key is None or request.headers.get("authorization") == f"Bearer {key}":
            return None
        return problem(401, "Send an API key.")

    def known(request: Request) -> Mapping[str, Any] | None:
        return next((one for one in recordings if one["id"] == request.path_params["id"]), None)

    async def listed(request: Request) -> Response:
        asked = request.query_params
        if asked.get("hotel") == "broken":
            return problem(503, "Kafka is away.")
        found = [one for one in recordings if asked.get("hotel") in (None, one["hotel"])]
        found = [one for one in found if asked.get("level") in (None, str((one["result"] or {}).get("level")))]
        return refused(request) or JSONResponse({"recordings": found, "next": None})

    async def called(request: Request) -> Response:
        found = [one for one in recordings if one["call"] == request.path_params["call"]]
        if not found:
            return problem(404, "No call of yours has this id.")
        return refused(request) or JSONResponse({"segments": found, "gaps": [{}], "complete": False})

    async def audio(request: Request) -> Response:
        one = known(request)
        assert one is not None
        assert one["result"]
        as_wav = request.query_params.get("format") == "wav"
        kind = "audio/wav" if as_wav else one["result"]["contentType"]
        return ranged(request, FILES[kind], kind)

    async def original(request: Request) -> Response:
        if request.path_params["id"] == EXPIRED:
            return problem(410, "It is past its retention.")
        return ranged(request, FILES["audio/wav"], "audio/wav")

    async def dead(request: Request) -> Response:
        found = [one for one in recordings if one["refusal"]]
        return refused(request) or JSONResponse({"deadLetters": found, "next": None})

    async def replay(request: Request) -> Response:
        (number,) = (await request.json())["ids"]
        first = number not in replayed
        replayed.append(number)
        return JSONResponse({"replayed": int(first)})

    async def policy(request: Request) -> Response:
        hotel = request.path_params["hotel"]
        if request.method == "PUT":
            policies[hotel] = await request.json()
        if request.method == "DELETE":
            policies.pop(hotel, None)
            return Response(status_code=204)
        return JSONResponse(policies[hotel]) if hotel in policies else problem(404, "It has none.")

    async def estimate(request: Request) -> Response:
        size = len(await request.body())
        if size < 100:
            return problem(415, "This is no audio that is known here.")
        return JSONResponse(result(originalBytes=size, bytes=size // 9))

    return Starlette(
        routes=[
            Route("/v1/recordings", listed),
            Route("/v1/recordings/{id}/audio", audio),
            Route("/v1/recordings/{id}/original", original),
            Route("/v1/calls/{call}", called),
            Route("/v1/dead-letters", dead),
            Route("/v1/replays", replay, methods=["POST"]),
            Route("/v1/policies/{hotel}", policy, methods=["GET", "PUT", "DELETE"]),
            Route("/v1/estimates", estimate, methods=["POST"]),
            Route("/v1/events", events),
        ]
    )


async def events(_: Request) -> Response:
    """Two figures; the browser connects again for more."""

    async def figures() -> AsyncIterator[str]:
        for n in range(40):
            flow = {
                "time": (datetime.now(UTC) - timedelta(seconds=40 - n)).isoformat(),
                "callsPerMinute": 14,
                "audioSecondsPerSecond": 30 + 12 * np.sin(n / 5),
                "ratio": 8.9,
                "lag": max(0, 40 - n * 2),
                "pressure": 0,
                "deadLettersPerMinute": 1,
            }
            yield f"id: {n}\nevent: flow\ndata: {json.dumps(flow)}\n\n"

    return StreamingResponse(figures(), media_type="text/event-stream")


def ranged(request: Request, body: bytes, kind: str) -> Response:
    """A file, or the part of it that is asked for."""
    headers = {"Accept-Ranges": "bytes", "Content-Type": kind}
    asked = request.headers.get("range", "")
    if not asked.startswith("bytes="):
        return Response(body, headers=headers)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    end = int(last) if last else len(body) - 1
    part = body[int(first) : end + 1]
    return Response(part, 206, headers | {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"})
