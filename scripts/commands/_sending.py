"""Reads audio files and sends each as one call."""

import argparse
import asyncio
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from schemas import MediaType, Position, RawAudio, Rejection
from schemas.topics import RAW
from scripts.cli import AUDIO_SUFFIXES, CommandError, cluster_of, content_of, progress_bar
from streams.audio import Clip, DecodeLimits, decode
from streams.clients import RawAudioProducer
from streams.clients.segments import segments

_SOURCE = "/hotel-audio-streams/emit"
_MAX_PCM_BYTES = 512 * 2**20  # more than an hour at any rate
_ACKNOWLEDGED_WITHIN = 10.0  # seconds


async def send_files(options: argparse.Namespace) -> int:
    """Send the files of the command line; returns the exit code."""
    cluster = cluster_of(options)
    # All files are read first, so that an invalid one leaves no incomplete set of calls.
    clips = {
        options.call if number == 1 else f"{options.call}-{number}": _read(path)
        for number, path in enumerate(options.files, start=1)
    }
    await cluster.check([RAW])
    async with RawAudioProducer(cluster.connection, cluster.topic(RAW), timeout=_ACKNOWLEDGED_WITHIN) as producer:
        with progress_bar() as progress:
            total = sum(math.ceil(clip.frames / round(options.segment * clip.rate)) for clip in clips.values())
            bar = progress.add_task("segments", total=total)
            summaries = await asyncio.gather(
                *(_send(producer, call, clip, options, lambda: progress.advance(bar)) for call, clip in clips.items())
            )
    print(*summaries, sep="\n")
    return 0


def _read(path: Path) -> Clip:
    """Read and decode a file.

    Raises:
        CommandError: If it cannot be read, or is no audio that can be sent.
    """
    media_type = AUDIO_SUFFIXES.get(path.suffix.lower())
    if media_type is None:
        raise CommandError(f"{path}: the name has to end in one of {', '.join(AUDIO_SUFFIXES)}")
    try:
        content = content_of(path, _MAX_PCM_BYTES)
    except CommandError as error:
        raise CommandError(f"{path}: {error}") from error
    clip = decode(content, MediaType(media_type), DecodeLimits(max_pcm_bytes=_MAX_PCM_BYTES))
    if isinstance(clip, Rejection):
        raise CommandError(f"{path}: {clip.reason}")
    return clip


async def _send(
    producer: RawAudioProducer,
    call: str,
    clip: Clip,
    options: argparse.Namespace,
    advance: Callable[[], None],
) -> str:
    """Send one call; returns its summary."""
    began = time.monotonic()
    pending: list[asyncio.Task[Position]] = []
    size = 0
    for event in _cut(call, clip, options):
        if options.realtime:
            # A segment can be sent when its last sample has been recorded.
            spoken = (len(pending) + 1) * options.segment if not event.final else clip.frames / clip.rate
            await asyncio.sleep(began + spoken - time.monotonic())
        task = await producer.send_soon(event)
        task.add_done_callback(lambda _: advance())
        pending.append(task)
        size += len(event.audio)
    positions = await asyncio.gather(*pending)
    first, last = positions[0], positions[-1]
    return (
        f"{call}: {len(positions)} segments, {clip.frames / clip.rate:.2f} s, {size} bytes to {first.topic} "
        f"partition {first.partition}, offsets {first.offset} to {last.offset}"
    )


def _cut(call: str, clip: Clip, options: argparse.Namespace) -> Iterator[RawAudio]:
    return segments(
        clip,
        hotel_id=options.hotel,
        call_id=call,
        source=_SOURCE,
        seconds=options.segment,
        channel=options.channel,
        media=options.media_type,
    )
