"""Finds the bytes of a recording, wherever they are: in its record, or in an object store."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import soundfile
from starlette.exceptions import HTTPException

from schemas import CompressedAudio, MediaType, Position, RawAudio, Record, Rejection
from schemas import media_type as types
from streams.api.context import ApiContext
from streams.api.encrypted_file import EncryptedFile
from streams.api.fetching import FetchFailedError
from streams.stores import StoreUnavailableError
from streams.stores.content_ranges import measure, read_range
from streams.stores.reading import ObjectRefusedError

GONE = "It is past its retention, or was erased."
#: Codes of sealed records for which this process has no keys now.
_WITHOUT_KEYS = frozenset({"SealedNoAccess", "SealedStale"})
_MOST_DECODED = 64 * 2**20  # bytes of a file that is decoded
_READ_WITHIN = 60.0  # seconds for such a file, with everything that is tried again
_PART = 2**20  # bytes of a file that are read at a time


@dataclass(frozen=True, slots=True)
class AudioFile:
    """Audio to be sent.

    Attributes:
        content: The bytes; None if they are in an object store.
        size: Their number.
        media_type: What they are.
        tag: Their entity tag, without quotes.
        data_ref: URI of the object; None if `content` has them.
        sealed_bytes: Bytes of that object, if it is sealed.
        file: The file that has them, if neither of the two has.
    """

    content: bytes | None
    size: int
    media_type: str
    tag: str
    data_ref: str | None = None
    sealed_bytes: int | None = None
    file: EncryptedFile | None = None


async def result_file(context: ApiContext, position: Position) -> AudioFile:
    """The file of a result.

    Raises:
        HTTPException: 410, if it is not there any more; 503, if the store does not answer.
    """
    result = CompressedAudio.from_record(await _record(context, position))
    if isinstance(result, Rejection):
        raise _broken(result)
    tag = f"sha256-{result.sha256}"
    if result.data_ref is None:
        return AudioFile(result.audio, len(result.audio), result.content_type, tag)
    return await _stored(context, result.data_ref, result.content_type, tag)


async def original_file(context: ApiContext, position: Position, sha256: str | None) -> AudioFile:
    """The audio as it was sent; as `result_file`.

    Args:
        context: The process's parts.
        position: The input.
        sha256: The audio's digest in hex, if it is known.
    """
    record = await _record(context, position)
    event = RawAudio.from_record(record)
    tag = f"sha256-{sha256 or f'{position.topic}-{position.partition}-{position.offset}'}"
    if isinstance(event, Rejection):  # what was refused can be heard or looked at all the same
        value = record.value or b""
        return AudioFile(value, len(value), "application/octet-stream", tag)
    media_type = str(event.media_type)
    if event.data_ref is None:
        return AudioFile(event.audio, len(event.audio), media_type, tag)
    return await _stored(context, event.data_ref, media_type, tag)


async def as_wav(context: ApiContext, file: AudioFile, name: str) -> AudioFile:
    """The same audio as a WAV file of 16-bit samples, which is made on the disk, as it can be a hundred times as large.

    Args:
        context: The process's parts.
        file: The audio.
        name: Names it among all recordings: a digest is what a sender says.

    Raises:
        HTTPException: 413, if it is too large for that; 422, if it cannot be decoded; as `result_file`.
    """
    media_type = MediaType.parse(file.media_type)
    if isinstance(media_type, Rejection):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "It is no audio that can be decoded.")
    loop = asyncio.get_running_loop()

    def write(target: EncryptedFile) -> None:
        content = read_from_thread(whole(context, file), loop)
        clip = context.decoders.decode(content, media_type)
        if isinstance(clip, Rejection):
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"It cannot be decoded: {clip.reason}.")
        soundfile.write(target, clip.samples, clip.rate, format="WAV", subtype="PCM_16", closefd=False)

    made = await context.made_files.get(f"wav {name} {file.tag} {media_type}", write)
    return AudioFile(None, made.size, types.WAV, f"wav-{file.tag}", file=made.file)


async def whole(context: ApiContext, file: AudioFile) -> bytes:
    """All bytes of a file that is to be decoded.

    Raises:
        HTTPException: 413, if it is too large for that; as `result_file`.
    """
    if file.size > _MOST_DECODED:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "It is too large to be decoded; fetch it as it is.")
    return b"".join([part async for part in parts(context, file, 0, file.size)])


def read_from_thread(reading: Coroutine[Any, Any, bytes], loop: asyncio.AbstractEventLoop) -> bytes:
    """What the event loop reads, for a thread that waits.

    Raises:
        FetchFailedError: If it does not come within a minute.
    """
    try:
        return asyncio.run_coroutine_threadsafe(reading, loop).result(_READ_WITHIN)
    except TimeoutError as error:
        raise FetchFailedError("the audio does not come") from error


async def parts(context: ApiContext, file: AudioFile, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from one to before another.

    Raises:
        HTTPException: As `result_file`, before the first part.
    """
    if file.content is not None:
        yield file.content[start:end]
        return
    if file.file is not None:
        reading = _read(file.file, start, end)
    else:
        stores, find = context.claim_check.stores, context.claim_check.find
        reading = read_range(stores, find, file.data_ref or "", start, end, sealed=file.sealed_bytes)
    while (part := await asyncio.to_thread(_next, reading)) is not None:
        yield part


def _read(file: EncryptedFile, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PART):
        yield file.read_at(at, min(_PART, end - at))


def _next(reading: Iterator[bytes]) -> bytes | None:
    """The next part of an object; exceptions are those of HTTP."""
    try:
        return next(reading, None)
    except ObjectRefusedError as error:
        raise _broken(error.rejection) from error
    except StoreUnavailableError as error:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "The object store does not answer.", {"Retry-After": "5"}
        ) from error


async def _stored(context: ApiContext, data_ref: str, media_type: str, tag: str) -> AudioFile:
    try:
        sizes = await asyncio.to_thread(measure, context.claim_check.stores, data_ref)
    except StoreUnavailableError as error:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "The object store does not answer.", {"Retry-After": "5"}
        ) from error
    if isinstance(sizes, Rejection):
        raise _broken(sizes)
    return AudioFile(None, sizes.content, media_type, tag, data_ref, sizes.sealed)


async def _record(context: ApiContext, position: Position) -> Record:
    record = await context.fetcher.fetch(position)
    if record is None:
        raise HTTPException(HTTPStatus.GONE, GONE)
    opened = context.opener(record)
    if isinstance(opened, Rejection):
        raise _broken(opened)
    return opened


def _broken(rejection: Rejection) -> HTTPException:
    """What is said of audio that is not there any more, or is not what it should be."""
    if rejection.code in _WITHOUT_KEYS:
        return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, f"It is sealed: {rejection.reason}.", {"Retry-After": "5"})
    return HTTPException(HTTPStatus.GONE, f"It cannot be read any more ({rejection.code}).")
