"""A decoder child's work on a recording: it decodes one open file, and sends its audio block by block.

The worker sends one request, as JSON. The answers are a description of the audio, each block's samples, and at the end
nothing more, or a refusal. Before the description, the child tells that it reads on: some files are read to their end
before the first block comes. The socket's buffer bounds how far the child is ahead.
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

#: How a block begins, how the audio ends, and what is told about the file while it is opened.
BLOCK, END, READ = {"block": 1}, {"end": 1}, {"read": 1}

#: Bytes that are read between two such messages.
_READ_STEP = 1 << 20


def serve(link: socket.socket, descriptor: int) -> None:
    """Decode the file as the worker's request says."""
    request, _ = messages.receive_part(link, 0, None)
    seconds = float(request["seconds"])
    allow_cpu(float(request["seconds_to_open"]))
    try:
        audio = _open(descriptor, request, reads := _Reads(link))
        reads.are_told = False
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


class _Reads:
    """Tells the worker that the file is read on, after each MiB.

    Attributes:
        are_told: Whether it does so.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._bytes = 0
        self.are_told = True

    def add(self, count: int) -> None:
        """Note that so many bytes were read."""
        self._bytes += count
        if self.are_told and self._bytes >= _READ_STEP:
            self._bytes = 0
            messages.send_part(self._link, {**READ}, b"")


def _open(descriptor: int, request: dict[str, str], reads: _Reads) -> AudioBlocks | Rejection:
    media_type = MediaType.parse(request["media_type"])
    if isinstance(media_type, Rejection):
        raise messages.BadAnswerError(media_type.message)
    content = FileContent(descriptor, on_read=reads.add)
    return open_blocks(content, media_type, DecodeLimits(max_pcm_bytes=int(request["max_pcm_bytes"])))
