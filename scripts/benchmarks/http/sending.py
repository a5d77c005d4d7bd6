"""What is sent to the API, and the results of it, which the bench writes itself: there is no worker."""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaProducer

from schemas import CompressedAudio, Position
from schemas.compressed_audio import derive_id
from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.http.server import Server
from streams.api.index.identity import event_id, recording_id
from streams.api.routes.uploads import SOURCE

SMALL, LARGE = 32 * 2**10, 320 * 2**10  # bytes of a body
HOTEL = "bench"
FOUND, ACCEPTED = 200, 202
_RESULT = random.Random(5).randbytes(16 * 2**10)  # noqa: S311  no secret
_SHA256 = hashlib.sha256(_RESULT).hexdigest()
_CALLS = 1000
_WITHIN, _LOOK = 60.0, 0.005  # seconds


class Recordings:
    """Posts recordings and remembers those that were accepted.

    Attributes:
        accepted: The keys of those that were accepted.
        done: The ids of those that have a result.
    """

    def __init__(self, server: Server) -> None:
        self.accepted: list[str] = []
        self.done: list[str] = []
        self._server = server
        self._posted = 0
        self._chance = random.Random(7)  # noqa: S311  which recording is asked for is no secret

    def posting(self, size: int) -> Callable[[int], Awaitable[int]]:
        """What posts a recording of so many bytes, and returns the status."""
        body = self._chance.randbytes(size)

        async def post(number: int) -> int:
            self._posted += 1
            key = f"key-{self._posted}"
            target = f"/v1/recordings?hotel={HOTEL}&call={_call(key)}"
            headers = {"Content-Type": "audio/PCMU", "Idempotency-Key": key}
            status = (await self._server.ask(number, "POST", target, headers, body)).status
            if status == ACCEPTED:
                self.accepted.append(key)
            return status

        return post

    def getting(self, what: str, headers: dict[str, str]) -> Callable[[int], Awaitable[int]]:
        """What asks for one of the recordings that are done, and returns the status."""

        async def get(number: int) -> int:
            target = f"/v1/recordings/{self._chance.choice(self.done)}{what}"
            return (await self._server.ask(number, "GET", target, headers)).status

        return get

    def mixed(self, share_of_posts: float) -> Callable[[int], Awaitable[int]]:
        """What posts now and then, and otherwise asks for a recording."""
        post, get = self.posting(SMALL), self.getting("", {})

        async def either(number: int) -> int:
            return await (post if self._chance.random() < share_of_posts else get)(number)

        return either

    async def finish_some(self, server: Server, most: int) -> None:
        """Write results of recordings that were accepted, and wait until each process has them."""
        async with server.producer() as producer:
            self.done += [await self.finish(producer, key) for key in self.accepted[:most]]
        for process in range(server.size):
            await wait_until_done(server, self.done[-1], process)

    async def finish(self, producer: AIOKafkaProducer, key: str) -> str:
        """Write the result of a recording that was accepted; its id."""
        event = event_id(HOTEL, key)
        record = result_of(event, HOTEL, _call(key), Position(self._server.topic(RAW), 0, 0)).to_record()
        headers = list(record.headers)
        await producer.send(self._server.topic(COMPRESSED), record.value, record.key, headers=headers)
        return self.id_of(key)

    def id_of(self, key: str) -> str:
        """The id of the recording that has a key."""
        return recording_id(SOURCE, event_id(HOTEL, key))


async def wait_until_done(server: Server, recording: str, process: int = 0) -> float:
    """Wait until a process has the result of a recording; the seconds."""
    began = time.monotonic()
    while b'"state":"done"' not in (await server.ask(0, "GET", f"/v1/recordings/{recording}", process=process)).body:
        if time.monotonic() - began > _WITHIN:
            raise TimeoutError(f"the API has no result of {recording}")
        await asyncio.sleep(_LOOK)
    return time.monotonic() - began


def _call(key: str) -> str:
    return f"call-{int(key.partition('-')[2]) % _CALLS}"


def result_of(event: str, hotel: str, call: str, position: Position) -> CompressedAudio:
    """A result of an input that came by HTTP; its audio is noise."""
    return CompressedAudio(
        id=derive_id(SOURCE, event, "bench"), source="urn:bench", time=None, content_type="audio/ogg;codecs=opus",
        hotel_id=hotel, call_id=call, channel=None, stream_id="audio", sequence=None, lost_ms=None, final=False,
        causation_id=event, level=3, codec="opus", original_bytes=SMALL, duration_ms=4096, sample_rate=8000,
        audio_channels=1, quality=4.2, cache="miss", pcm_sha256=_SHA256, encoder="bench", position=position,
        audio=_RESULT, reason="policy ceiling 3", causation_source=SOURCE,
    )  # fmt: skip
