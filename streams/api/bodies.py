"""Reads the bodies of requests in bounded memory: what is large goes to a file, and what is too much is refused."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, cast

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from streams.api.inbox import Upload
from streams.api.memory import Memory

_IDLE = 20.0  # seconds between two parts of a body


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
            HTTPException: 400, 408, 413 or 503.
        """
        length, largest = request.headers.get("content-length"), min(largest or self._largest, self._largest)
        if length is not None and length.isdigit() and int(length) > largest:
            raise _too_large(largest)
        size = min(int(length), self._in_memory) if length and length.isdigit() else self._in_memory
        self._memory.hold(request.scope, size)
        try:
            with contextlib.ExitStack() as files:
                yield await self._upload(request, files, largest)
        finally:
            self._memory.give_back(request.scope)  # whoever waits for the outcome does not need the body any more

    async def _upload(self, request: Request, files: contextlib.ExitStack, largest: int) -> Upload:
        digest, size, parts = hashlib.sha256(), 0, bytearray()
        file: BinaryIO | None = None
        async for part in parts_of(request):
            size += len(part)
            if size > largest:
                raise _too_large(largest)
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
        HTTPException: 400 or 408, if it does not arrive completely.
    """
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(_IDLE):
                part = await anext(stream, None)
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, "The body does not arrive.", {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is incomplete.") from None
        if part is None:
            return
        yield part


def _too_large(largest: int) -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A recording may have {largest} bytes here.")
