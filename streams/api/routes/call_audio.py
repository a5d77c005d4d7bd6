"""The audio of a whole call, as one file."""

import asyncio
import hashlib
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from schemas import MediaType, Rejection
from schemas import media_type as types
from streams.api.audio_files import AudioFile
from streams.api.call_assembly import SegmentFiles, assembled
from streams.api.call_streams import recordings_of
from streams.api.encrypted_file import EncryptedFile
from streams.api.file_answer import CONDITIONS, file_answer, file_answers, of_head
from streams.api.openapi import problem_answer
from streams.api.operations import Call, operation
from streams.api.parameters import Parameter
from streams.api.routes.calls import ID, SEVERAL, TAG, UNKNOWN, hotel_of
from streams.api.routes.recordings import HOTEL
from streams.audio import Clip
from streams.clients.call_audio import AudioStream, CallAudio, write_audio
from streams.clients.calls import Call as WholeCall
from streams.security.roles import Permission

_FORMATS = {"flac": types.FLAC, "wav": types.WAV, "ogg": types.OGG}
_FORMAT = Parameter(
    "format",
    "query",
    {"type": "string", "enum": list(_FORMATS)},
    "`flac`, as without it: loses nothing. `wav`: what everything plays. `ogg`: Vorbis, small.",
)
_MOST_SEGMENTS = 100_000
_MOST_BYTES = 2 * 2**30  # of samples, which is also what a WAV file can have
_PARAMETERS = (ID, HOTEL, _FORMAT, *CONDITIONS)
_ANSWERS = {
    **file_answers(tuple(_FORMATS.values())),
    404: UNKNOWN,
    409: problem_answer(409, f"It has no result: not yet, or because all was refused. Or: {SEVERAL.description}"),
    413: problem_answer(413, "It is too long for one file; fetch its recordings."),
}


@operation(
    "GET", "/v1/calls/{id}/audio", tag=TAG, permission=Permission.AUDIO, parameters=_PARAMETERS, answers=_ANSWERS
)
async def get_call_audio(call: Call) -> Response:
    """The whole call in one file.

    Two channels are left and right on one clock: guest and agent where there are such, and further channels on both
    sides. A call of one channel is a file with that, and one of several others is mixed to mono. What is missing,
    erased or cannot be decoded is silence of its length; `GET /v1/calls/{id}` says which. It is written to the audit
    who hears what.
    """
    hotel, name = await hotel_of(call), call.text("id") or ""
    recordings = await asyncio.to_thread(recordings_of, call.context, hotel, name, _MOST_SEGMENTS + 1)
    if len(recordings) > _MOST_SEGMENTS:
        raise _too_long()
    whole = assembled(call.context, recordings)
    if whole is None:
        waits = any(one.outcome == "queued" for one in recordings)
        reason = "It is not processed yet." if waits else "All of it was refused; its recordings say why."
        raise HTTPException(HTTPStatus.CONFLICT, reason, {"Retry-After": "1"} if waits else None)
    if not any(segment.intact for track in whole.tracks for segment in track.segments):
        raise HTTPException(HTTPStatus.GONE, "All of it is past its retention, or was erased.")
    file = await _made(call, whole)
    return await file_answer(call, file, [f"hotel:{hotel}", f"call:{name}"])


@operation(
    "HEAD",
    "/v1/calls/{id}/audio",
    tag=TAG,
    permission=Permission.AUDIO,
    parameters=_PARAMETERS,
    answers=of_head(_ANSWERS),
)
async def head_call_audio(call: Call) -> Response:
    """The size and digest of the file of a call."""
    return await get_call_audio.handler(call)


async def _made(call: Call, whole: WholeCall) -> AudioFile:
    container = call.text("format") or next(iter(_FORMATS))
    files = SegmentFiles(call.context, asyncio.get_running_loop())

    def decode(audio: bytes, media_type: MediaType) -> Clip | Rejection:
        decoded = call.context.decoders.decode(audio, media_type)
        if isinstance(decoded, Rejection) and decoded.code == "AudioTooLong":
            raise _too_long()
        return decoded

    def write(file: EncryptedFile) -> None:
        stream = CallAudio(files, decode=decode).of_call(whole, container)
        _require_short(whole, stream)
        write_audio(file, stream, container)

    made = await call.context.made_files.get(_content(whole, container), write)
    return AudioFile(None, made.size, _FORMATS[container], f"sha256-{made.sha256}", file=made.file)


def _content(whole: WholeCall, container: str) -> str:
    """Names what is in the file of a call: it is another one as soon as a segment comes, or is erased."""
    parts = [(track.name, track.begin, part) for track in whole.tracks for part in track.parts]
    return hashlib.sha256(repr((container, parts)).encode()).hexdigest()


def _require_short(whole: WholeCall, stream: AudioStream) -> None:
    rate, channels = stream.form
    if whole.duration_ms / 1000 * rate * channels * 2 > _MOST_BYTES:
        raise _too_long()


def _too_long() -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "It is too long for one file; fetch its recordings.")


ROUTES = (get_call_audio, head_call_audio)
