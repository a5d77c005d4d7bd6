"""Reads the bodies of requests in bounded memory: what is large goes to a file, and what is too much is refused."""

import asyncio
import contextlib
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, cast

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from streams.api.inbox import Upload
from streams.api.memory import Memory

_IDLE = 20.0  # seconds between two parts of a body
#: Seconds after which a body has to have come with so many bytes a second, on average: live audio has 1,650 at least,
#: and who sends less keeps others from sending.
_AT_LEAST_AFTER, _AT_LEAST = 60.0, 1000


class Bodies:
    """Reads bodies.

    Args:
        directory: For files with large ones.
        in_memory: Bytes of a body up to which it needs no file.
        largest: Bytes of a body, at most.
        memory: Counts the bytes that requests hold.
    """

    def __init__(self, directory: Path, in_memory: int, largest: int, memory: Memory) -> None:
        self._directory = directory
        self._in_memory = in_memory
        self._largest = largest
        self._memory = memory

    @contextlib.asynccontextmanager
    async def read(self, request: Request, largest: int | None = None) -> AsyncIterator[Upload]:
        """Read a request's body; a file with it is removed when the context is left.

        Args:
            request: The request.
            largest: Bytes that it may have, if that is less than any body.

        Raises:
            HTTPException: 400, 408, 413, 415, 501 or 503.
        """
        length, largest = request.headers.get("content-length"), min(largest or self._largest, self._largest)
        if length is not None and int(length) > largest:
            raise _too_large(largest)
        # Without a length it may be a call that is still going on, which has little for a long time.
        held = min(int(length or 0), self._in_memory)
        self._memory.hold(request.scope, held)
        try:
            with contextlib.ExitStack() as files:
                yield await self._upload(request, files, largest, held)
        finally:
            self._memory.give_back(request.scope)  # whoever waits for the outcome does not need the body any more

    async def _upload(self, request: Request, files: contextlib.ExitStack, largest: int, held: int) -> Upload:
        digest, size, parts = hashlib.sha256(), 0, bytearray()
        file: BinaryIO | None = None
        async for part in parts_of(request):
            size += len(part)
            if size > largest:
                raise _too_large(largest)
            more = min(size, self._in_memory) - held
            if more > 0:
                self._memory.hold(request.scope, more)
                held += more
            digest.update(part)
            parts += part
            if size > self._in_memory:
                file = file or self._new_file(files)
                await asyncio.to_thread(file.write, bytes(parts))
                parts.clear()
        if file is None:
            return Upload(bytes(parts), digest.hexdigest(), size)
        await asyncio.to_thread(file.flush)
        return Upload(Path(file.name), digest.hexdigest(), size)

    def _new_file(self, files: contextlib.ExitStack) -> BinaryIO:
        self._directory.mkdir(parents=True, exist_ok=True)
        return cast("BinaryIO", files.enter_context(tempfile.NamedTemporaryFile(dir=self._directory)))


async def parts_of(request: Request) -> AsyncIterator[bytes]:
    """The parts of a body as they arrive.

    Raises:
        HTTPException: 400 or 408, if it does not arrive completely; 415 or 501, if it is encoded.
    """
    _require_plain(request)
    stream, size, began = request.stream(), 0, time.monotonic()
    while True:
        left = began + _AT_LEAST_AFTER + size / _AT_LEAST - time.monotonic()
        try:
            async with asyncio.timeout(min(_IDLE, left)):
                part = await anext(stream, None)
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, "The body does not arrive.", {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is incomplete.") from None
        if part is None:
            return
        size += len(part)
        yield part


def _require_plain(request: Request) -> None:
    """Refuse a body that would have to be decoded before it is what it says.

    Raises:
        HTTPException: 415 or 501.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Send the body as it is, without Content-Encoding.",
            {"Accept-Encoding": "identity"},
        )
    if request.headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise HTTPException(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding may be chunked, and nothing else.")


def _too_large(largest: int) -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A recording may have {largest} bytes here.")
