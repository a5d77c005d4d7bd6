"""A decoder child's work on a recording: it decodes one open file, and sends its audio block by block.

The worker sends one request, as JSON. The answers are a description of the audio, each block's samples, and at the end
nothing more, or a refusal. The socket's buffer bounds how far the child is ahead.
"""

import socket

from schemas import MediaType, Rejection
from streams.audio import DecodeLimits
from streams.audio.blocks import AudioBlocks
from streams.audio.containers.content import FileContent
from streams.audio.decode import open_blocks
from streams.audio.limits import rejected
from streams.sandbox import messages
from streams.sandbox.confinement import allow_cpu

#: How a block begins, and how the audio ends.
BLOCK, END = {"block": 1}, {"end": 1}


def serve(link: socket.socket, descriptor: int) -> None:
    """Decode the file as the worker's request says."""
    request, _ = messages.receive_part(link, 0, None)
    seconds = float(request["seconds"])
    allow_cpu(float(request["seconds_to_open"]))
    try:
        audio = _open(descriptor, request)
        messages.send_part(link, messages.describe(audio), b"")
        if isinstance(audio, Rejection):
            return
        for block in audio.blocks:
            if isinstance(block, Rejection):
                messages.send_part(link, messages.describe(block), b"")
                return
            messages.send_part(link, {**BLOCK}, block.tobytes())
            allow_cpu(seconds)
        messages.send_part(link, {**END}, b"")
    except Exception as error:  # noqa: BLE001  the worker receives the code
        crashed = rejected("DecoderCrashed", f"the decoder failed on the file: {type(error).__name__}")
        messages.send_part(link, messages.describe(crashed), b"")


def _open(descriptor: int, request: dict[str, str]) -> AudioBlocks | Rejection:
    media_type = MediaType.parse(request["media_type"])
    if isinstance(media_type, Rejection):
        raise messages.BadAnswerError(media_type.message)
    return open_blocks(FileContent(descriptor), media_type, DecodeLimits(max_pcm_bytes=int(request["max_pcm_bytes"])))
