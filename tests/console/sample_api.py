"""An API with samples: what the real routes answer, without Kafka."""

import json
import math
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from scripts.benchmarks.players.samples import Sample, sample
from streams.security.problem import MEDIA_TYPE
from streams.security.request_path import EncodedSlashes, part_of
from streams.security.roles import Permission

KEY = "a-key-for-the-sample"
SECONDS = 12
RATE = 8000
BEGAN = datetime.now(UTC) - timedelta(minutes=7)


FORMATS = ("WAV pcm", "WAV pcmu", "WAV pcma", "FLAC", "MP3", "Opus", "Opus, dual mono", "Vorbis")


@cache
def sound(name: str) -> Sample:
    """A file in one of the formats of results."""
    return sample(name, RATE, 2 if name == "Opus, dual mono" else 1, SECONDS)


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
    recording(22, "call-0415", "guest", -900, hotel="lisbon"),
    recording(23, "call-0415", "guest", -900),
    *(
        recording(40 + at, "formats", "mixed", 12 * at - 7200, result=result(contentType=sound(name).content_type))
        for at, name in enumerate(FORMATS)
    ),
]
SOUNDS = {one["id"]: name for one, name in zip(RECORDINGS[-len(FORMATS) :], FORMATS, strict=True)}
#: Paths of the operations that there are.
OFFERED = frozenset(
    {
        "/v1/recordings",
        "/v1/events",
        "/v1/dead-letters",
        "/v1/replays",
        "/v1/policies/{hotel}",
        "/v1/estimates",
        "/v1/calls/{id}/audio",
        "/v1/erasures/{request}/receipt",
    }
)
PERMISSIONS = tuple(one.value for one in Permission)
REQUEST, UNSIGNED = "0123456789abcdef", "fedcba9876543210"
EXPIRED = "00000000-0000-5000-8000-000000000002"


def problem(status: int, detail: str) -> Response:
    """A problem document."""
    return Response(json.dumps({"status": status, "detail": detail}), status, media_type=MEDIA_TYPE)


class SampleApi:
    """The routes.

    Args:
        recordings: What it knows.
        key: The credential that it wants, if any.
        permissions: What the caller may do.
    """

    def __init__(
        self,
        recordings: Sequence[dict[str, Any]] = RECORDINGS,
        key: str | None = None,
        permissions: Sequence[str] = PERMISSIONS,
    ) -> None:
        self._recordings = recordings
        self._permissions = permissions
        self.key = key
        self._policies: dict[str, dict[str, Any]] = {"seaside": {"hotel": "seaside", "version": 3, "ceilingLevel": 4}}
        self._replayed: set[str] = set()

    @property
    def app(self) -> ASGIApp:
        """The application."""
        routes = [
            Route("/v1/recordings", self.listed),
            Route("/v1/recordings/{id}/audio", self.audio),
            Route("/v1/recordings/{id}/original", self.original),
            Route("/v1/recordings/{id}", self.one),
            Route("/v1/calls/{call}", self.called),
            Route("/v1/calls/{call}", self.erase, methods=["DELETE"]),
            Route("/v1/calls/{call}/audio", self.whole),
            Route("/v1/erasures/{request}/receipt", self.receipt),
            Route("/v1/rights", self.rights),
            Route("/v1/dead-letters", self.dead),
            Route("/v1/replays", self.replay, methods=["POST"]),
            Route("/v1/policies/{hotel}", self.policy, methods=["GET", "PUT", "DELETE"]),
            Route("/v1/estimates", self.estimate, methods=["POST"]),
            Route("/v1/events", events),
        ]
        return EncodedSlashes(Starlette(routes=routes))

    def _refused(self, request: Request) -> Response | None:
        if self.key is None or request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return problem(401, "Send an API key.")

    async def listed(self, request: Request) -> Response:
        asked = request.query_params
        if asked.get("hotel") == "broken":
            return problem(503, "Kafka is away.")
        found = [one for one in self._recordings if asked.get("hotel") in (None, one["hotel"])]
        found = [one for one in found if asked.get("level") in (None, str((one["result"] or {}).get("level")))]
        return self._refused(request) or JSONResponse({"items": found, "cursor": None})

    async def rights(self, _: Request) -> Response:
        return JSONResponse({"role": "development", "permissions": self._permissions, "hotels": None})

    async def one(self, request: Request) -> Response:
        found = [one for one in self._recordings if one["id"] == part_of(request, "id")]
        return JSONResponse(found[0]) if found else problem(404, "No recording of yours has this id.")

    async def called(self, request: Request) -> Response:
        found = [one for one in self._recordings if one["call"] == part_of(request, "call")]
        hotels = sorted({one["hotel"] for one in found if request.query_params.get("hotel") in (None, one["hotel"])})
        if not hotels:
            return problem(404, "No call of yours has this id.")
        if len(hotels) > 1:
            return problem(409, "Calls of several hotels have this id; name one with `hotel`.")
        found = [one for one in found if one["hotel"] == hotels[0]]
        whole = {"hotel": hotels[0], "segmentCount": len(found), "gaps": [{}], "complete": False}
        return self._refused(request) or JSONResponse({"segments": found, "cursor": None, **whole})

    async def erase(self, request: Request) -> Response:
        call, hotel = part_of(request, "call"), request.query_params["hotel"]
        if hotel == "lisbon":
            return problem(409, "The hotel has a legal hold, so nothing was erased.")
        return JSONResponse({"request": REQUEST, "hotel": hotel, "call": call, "keys": 2, "epoch": 1, "inClear": 3})

    async def receipt(self, request: Request) -> Response:
        if part_of(request, "request") == UNSIGNED:
            return problem(409, "No signed head of the audit covers the erasure yet.")
        return JSONResponse({"format": 1, "entry": {}, "index": 0, "path": [], "head": {}})

    async def whole(self, request: Request) -> Response:
        return ranged(request, sound("FLAC").audio, "audio/flac")

    async def audio(self, request: Request) -> Response:
        as_wav = request.query_params.get("format") == "wav"
        known = sound("WAV pcm" if as_wav else SOUNDS.get(part_of(request, "id"), "Opus"))
        return ranged(request, known.audio, known.content_type)

    async def original(self, request: Request) -> Response:
        if part_of(request, "id") == EXPIRED:
            return problem(410, "It is past its retention.")
        return ranged(request, sound("WAV pcm").audio, "audio/wav")

    async def dead(self, request: Request) -> Response:
        found = [one for one in self._recordings if one["refusal"]]
        return self._refused(request) or JSONResponse({"items": found, "cursor": None})

    async def replay(self, request: Request) -> Response:
        asked = await request.json()
        chosen = asked.get("ids") or [one["id"] for one in self._recordings if one["refusal"]]
        new = [one for one in chosen if one not in self._replayed]
        sent, dry = new[: asked.get("canary")], asked.get("dryRun", False)
        self._replayed |= set() if dry else set(sent)
        return JSONResponse({"replayed": len(sent), "blocked": 0, "held": len(new) - len(sent), "dryRun": dry})

    async def policy(self, request: Request) -> Response:
        hotel = part_of(request, "hotel")
        tag = f'"{self._policies.get(hotel, {}).get("version", 0)}"'
        if request.method != "GET" and request.headers.get("if-match", '"0"') != tag:
            return problem(412, "Somebody else has changed the policy; read it again.")
        if request.method == "PUT":
            self._policies[hotel] = await request.json()
        if request.method == "DELETE":
            self._policies.pop(hotel, None)
            return Response(status_code=204)
        known = self._policies.get(hotel)
        if known is None:
            return problem(404, "It has none.")
        return JSONResponse(known, headers={"ETag": f'"{known["version"]}"'})

    async def estimate(self, request: Request) -> Response:
        size = len(await request.body())
        if size < 100:
            return problem(415, "This is no audio that is known here.")
        return JSONResponse(result(originalBytes=size, bytes=size // 9))


async def events(_: Request) -> Response:
    """Two figures; the browser connects again for more."""

    async def figures() -> AsyncIterator[str]:
        for n in range(40):
            flow = {
                "time": (datetime.now(UTC) - timedelta(seconds=40 - n)).isoformat(),
                "callsPerMinute": 14,
                "audioSecondsPerSecond": 30 + 12 * math.sin(n / 5),
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
