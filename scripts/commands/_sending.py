"""Reads recordings and sends each as one call."""

import argparse
import asyncio
import math
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rich.progress import Progress

from schemas import Channel, Position, RawAudio
from schemas.media_type import L16, PCMA, PCMU
from schemas.topics import KEYS, RAW, RECORDINGS
from scripts.cli import Cluster, cluster_of, counted, fail, progress_bar
from scripts.commands._json import write_json
from scripts.object_stores import store_settings
from scripts.recordings.call_ids import call_ids
from scripts.recordings.finding import STANDARD_INPUT, Failed, Recording, find, printable
from scripts.recordings.formats import suffixes
from scripts.recordings.reading import content, decoded, decoders
from scripts.recordings.report import report_of, tell
from scripts.sealing.opening import key_store_opener
from scripts.tables import fitted
from streams.audio import Clip
from streams.clients import ContractError, RawAudioProducer
from streams.clients.segments import segments
from streams.sandbox import DecoderSandbox

_SOURCE = "/hotel-audio-streams/emit"
_ACKNOWLEDGED_WITHIN = 10.0  # seconds
_AT_A_TIME = 4  # files in memory, unless calls are sent as if they were live
_G711 = {"pcmu": PCMU, "pcma": PCMA}


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call that was sent.

    Attributes:
        recording: Its file.
        event: The last event that was sent.
        channels: Channels of its media streams; None for one without a channel.
        seconds: Its length; None if it was not decoded.
        size: Bytes of audio.
        positions: Where they are, in order.
    """

    recording: Recording
    event: RawAudio
    channels: tuple[Channel | None, ...]
    seconds: float | None
    size: int
    positions: Sequence[Position]

    def __str__(self) -> str:
        first, last = self.positions[0], self.positions[-1]
        streams = f" of {' and '.join(map(str, self.channels))}" if len(self.channels) > 1 else ""
        length = "" if self.seconds is None else f"{self.seconds:.2f} s, "
        count = counted(len(self.positions), "segment")
        return (
            f"{self.event.call_id}: {count}{streams}, {length}{self.size} bytes to {first.topic} "
            f"partition {first.partition}, offsets {first.offset} to {last.offset}"
        )


async def send_files(options: argparse.Namespace) -> int:
    """Send the files of the command line; returns the exit code, 1 if any could not be sent."""
    found = find(options.paths, options.suffix)
    code = tell("emit", found.left_out, found.failures)
    if not found.recordings and not found.failures:
        return fail("emit", f"no audio in {', '.join(map(printable, options.paths))}; names end in {suffixes()}")
    outcomes = await _send_all(found.recordings, options)
    sent = [outcome for outcome in outcomes if isinstance(outcome, _Sent)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    if options.json is not None:
        calls = {"calls": [_as_json(call) for call in sent]}
        write_json(options.json, report_of(calls, found.left_out, [*found.failures, *failures]))
    return tell("emit", (), failures) or code


async def _send_all(recordings: Sequence[Recording], options: argparse.Namespace) -> list[_Sent | Failed]:
    if not recordings:
        return []
    most = len(recordings) if options.realtime else _AT_A_TIME
    ids = call_ids(recordings, options.call)
    with decoders(min(most, len(recordings), os.cpu_count() or 1)) as sandbox, progress_bar() as progress:
        async with AsyncExitStack() as stack:
            sender = _Sender(cluster_of(options), options, sandbox, progress, stack)
            slots = asyncio.Semaphore(most)

            async def one(recording: Recording, call: str) -> _Sent | Failed:
                async with slots:
                    return await sender.send(recording, call)

            return await asyncio.gather(*map(one, recordings, ids))


class _Sender:
    """Sends recordings; connects to Kafka when the first one was read, so that mistakes are told without a broker."""

    def __init__(
        self,
        cluster: Cluster,
        options: argparse.Namespace,
        sandbox: DecoderSandbox,
        progress: Progress,
        stack: AsyncExitStack,
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._sandbox = sandbox
        self._progress = progress
        self._bar = progress.add_task("segments", total=None)
        self._total = 0
        self._stack = stack
        self._connecting = asyncio.Lock()
        self._producer: RawAudioProducer | None = None

    async def send(self, recording: Recording, call: str) -> _Sent | Failed:
        """Send one recording as one call; what is wrong with the file itself is a `Failed`."""
        try:
            if self._options.whole:
                return await self._send_whole(recording, call)
            audio = await asyncio.to_thread(content, recording)
            if isinstance(audio, Failed):
                return audio
            clip = await asyncio.to_thread(decoded, recording, audio, self._sandbox)
            return clip if isinstance(clip, Failed) else await self._send_segments(recording, call, clip)
        except ContractError as error:
            return Failed(recording.path, f"cannot be sent: {error}")

    async def _send_whole(self, recording: Recording, call: str) -> _Sent | Failed:
        """Send a file without reading it into memory."""
        path = recording.path
        if path != STANDARD_INPUT and not path.is_file():
            return Failed(path, "is no regular file")
        audio = await asyncio.to_thread(content, recording) if path == STANDARD_INPUT else b""
        if isinstance(audio, Failed):
            return audio
        event = RawAudio(
            id=str(uuid.uuid4()),
            source=_SOURCE,
            hotel_id=self._options.hotel,
            call_id=call,
            media_type=recording.media_type,
            audio=audio,
            time=datetime.now(UTC),
            channel=self._options.channel,
            sequence=0,
            final=True,
        )
        if path == STANDARD_INPUT:
            return await self._send(recording, [event], 1)
        try:
            return await self._send_file(recording, event)
        except OSError as error:
            return Failed(path, error.strerror or str(error))

    async def _send_file(self, recording: Recording, event: RawAudio) -> _Sent:
        producer = await self._connected()
        storing = self._progress.add_task(f"sending {printable(recording.name)}", total=None)
        try:
            position = await producer.send(replace(event, guest_ref=self._options.guest), recording.path)
        finally:
            self._progress.remove_task(storing)
        return _told(_Sent(recording, event, (event.channel,), None, recording.path.stat().st_size, [position]))

    async def _send_segments(self, recording: Recording, call: str, clip: Clip) -> _Sent:
        streams = _streams(clip, self._options)
        media = self._options.media_type or _G711.get(clip.source.encoding, L16)
        count = len(streams) * math.ceil(clip.frames / round(self._options.segment * clip.rate))
        return await self._send(recording, _cut(call, streams, media, self._options), count, clip.frames / clip.rate)

    async def _send(
        self, recording: Recording, events: Iterable[RawAudio], count: int, seconds: float | None = None
    ) -> _Sent:
        """Send the events of a call, with ``seconds`` of audio if that is known."""
        producer = await self._connected()
        self._total += count
        self._progress.update(self._bar, total=self._total)
        began = time.monotonic()
        pending: list[asyncio.Task[Position]] = []
        channels: dict[Channel | None, None] = {}
        size, event = 0, None
        for event in events:
            if self._options.realtime and seconds is not None:
                # A segment can be sent when its last sample has been recorded.
                spoken = seconds if event.final else ((event.sequence or 0) + 1) * self._options.segment
                await asyncio.sleep(began + spoken - time.monotonic())
            task = await producer.send_soon(replace(event, guest_ref=self._options.guest))
            task.add_done_callback(lambda _: self._progress.advance(self._bar))
            pending.append(task)
            channels[event.channel] = None
            size += len(event.audio)
        assert event is not None  # noqa: S101  decoded audio has at least one sample, and so one segment
        positions = await asyncio.gather(*pending)
        return _told(_Sent(recording, event, tuple(channels), seconds, size, positions))

    async def _connected(self) -> RawAudioProducer:
        async with self._connecting:
            if self._producer is None:
                await self._cluster.check([RAW, RECORDINGS] if self._options.whole else [RAW])
                self._producer = await self._stack.enter_async_context(self._new_producer())
        return self._producer

    def _new_producer(self) -> RawAudioProducer:
        settings = store_settings()
        return RawAudioProducer(
            self._cluster.connection,
            self._cluster.topic(RAW),
            timeout=_ACKNOWLEDGED_WITHIN,
            recordings=self._cluster.topic(RECORDINGS),
            stores=settings.store_configuration if self._options.whole else None,
            inline_limit=settings.inline_limit,
            max_size=settings.max_size,
            seal=key_store_opener(os.environ) if self._options.sealed else None,
            keys=self._cluster.topic(KEYS),
        )


def _told(sent: _Sent) -> _Sent:
    print(fitted(str(sent)), flush=True)
    return sent


def _streams(clip: Clip, options: argparse.Namespace) -> dict[Channel | None, Clip]:
    """The media streams of a call: the two sides of a stereo recording, unless they are to stay together."""
    if clip.channels == 1 or options.channels is None:
        return {options.channel: clip}
    return {
        channel: Clip.of(clip.samples[:, side], clip.rate, clip.source) for side, channel in enumerate(options.channels)
    }


def _cut(call: str, streams: dict[Channel | None, Clip], media: str, options: argparse.Namespace) -> Iterator[RawAudio]:
    """The segments of a call in the order of time; both sides of it began together."""
    began = datetime.now(UTC)
    sides = [
        segments(
            clip,
            hotel_id=options.hotel,
            call_id=call,
            source=_SOURCE,
            seconds=options.segment,
            channel=channel,
            media=media,
            began=began,
        )
        for channel, clip in streams.items()
    ]
    return (event for at_once in zip(*sides, strict=True) for event in at_once)


def _as_json(sent: _Sent) -> dict[str, Any]:
    return {
        "path": os.fspath(sent.recording.path),
        "call": sent.event.call_id,
        "channels": list(sent.channels),
        "segments": len(sent.positions),
        "seconds": sent.seconds,
        "bytes": sent.size,
        "content_type": str(sent.event.media_type),
        "topic": sent.positions[0].topic,
        "partition": sent.positions[0].partition,
        "first_offset": sent.positions[0].offset,
        "last_offset": sent.positions[-1].offset,
    }
