"""Takes inputs in: each is durable before it is accepted, and one with the same key is the same recording."""

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import Position, RawAudio
from streams.api.index.changes import Change
from streams.api.index.feeder import IndexFeeder
from streams.api.index.identity import recording_id
from streams.api.index.recording import Original, Recording
from streams.api.index.result_index import ResultIndex
from streams.api.schemas import milliseconds_of
from streams.api.sending import Sender

#: Inputs that are remembered until the index has them; far more than come in a second.
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Upload:
    """The audio of an input.

    Attributes:
        content: The bytes, or a file with them.
        sha256: Their digest, in hex.
        size: Their number.
    """

    content: bytes | Path
    sha256: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> "Upload":
        """Audio in memory."""
        return cls(content, hashlib.sha256(content).hexdigest(), len(content))


class OtherContentError(Exception):
    """The same key came with other audio before."""


class Inbox:
    """Sends inputs, and knows those that the index does not have yet.

    Args:
        index: What is in the topics.
        feeder: Tells what comes into the index.
        sender: Sends inputs.
    """

    def __init__(self, index: ResultIndex, feeder: IndexFeeder, sender: Sender) -> None:
        self._index = index
        self._feeder = feeder
        self._sender = sender
        self._sending: dict[str, asyncio.Task[Recording]] = {}
        self._accepted: OrderedDict[str, Recording] = OrderedDict()
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        feeder.listen(self._indexed)

    def get(self, number: str) -> Recording | None:
        """A recording, also one that was accepted a moment ago; None if none has this id."""
        return self._index.get(number) or self._accepted.get(number)

    async def find(self, number: str) -> Recording | None:
        """As `get`; what another process has accepted before this moment is waited for, a second at most."""
        found = self.get(number)
        if found is None and await self._feeder.reach_end(within=1.0):
            found = self.get(number)
        return found

    async def accept(self, event: RawAudio, upload: Upload) -> Recording:
        """Send an input, unless it is known already.

        Returns:
            The recording; all in-sync replicas have its input.

        Raises:
            OtherContentError: If there is one with this id and other audio.
            HotelAudioError: As `RawAudioProducer.send`.
        """
        number = recording_id(event.source, event.id)
        known = self.get(number)
        if known is None:
            sending = self._sending.get(number)
            if sending is None:
                sending = self._sending[number] = asyncio.create_task(self._send(number, event, upload))
                sending.add_done_callback(lambda done: self._sent(number, done))
            known = await asyncio.shield(sending)  # others may wait for it, also when this request ends
        if known.original is not None and known.original.sha256 not in {None, upload.sha256}:
            raise OtherContentError
        return known

    async def outcome(self, number: str, within: float) -> Recording | None:
        """Wait until a recording has an outcome, or time is over; the recording as it is then."""
        event = asyncio.Event()
        self._waiting[number].add(event)
        deadline = time.monotonic() + within
        try:
            while (found := self.get(number)) is None or found.outcome == "queued":
                event.clear()
                async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                    await event.wait()
        except TimeoutError:
            return self.get(number)
        finally:
            self._waiting[number].discard(event)
            if not self._waiting[number]:
                del self._waiting[number]
        return found

    async def _send(self, number: str, event: RawAudio, upload: Upload) -> Recording:
        position = await self._sender.send(event, upload.content)
        recording = _queued(number, event, upload, position)
        if self._index.get(number) is None:
            self._accepted[number] = recording
            if len(self._accepted) > _REMEMBERED:
                self._accepted.popitem(last=False)
        return recording

    def _sent(self, number: str, done: "asyncio.Task[Recording]") -> None:
        self._sending.pop(number, None)
        if not done.cancelled():
            done.exception()  # every request that waits for it gets it; there may be none left

    def _indexed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._accepted.pop(change.id, None)
            for event in self._waiting.get(change.id, ()):
                event.set()


def _queued(number: str, event: RawAudio, upload: Upload, position: Position) -> Recording:
    now = round(time.time() * 1000)
    return Recording(
        id=number,
        hotel=event.hotel_id,
        call=event.call_id,
        channel=event.channel,
        stream=event.stream_id,
        sequence=event.sequence,
        final=event.final,
        lost_ms=event.lost_ms,
        time_ms=now if event.time is None else milliseconds_of(event.time),
        original=Original(position, upload.size, upload.sha256, str(event.media_type), now, position.offset),
        result=None,
        refusal=None,
    )
