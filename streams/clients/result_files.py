"""Fetches the files of results that lie in an object store."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from schemas import CompressedAudio, Rejection
from streams.clients.errors import BrokenReferenceError, HotelAudioError, SealedError, StoresRequiredError
from streams.clients.stores import stores_of, translated_store_errors
from streams.security.sealing.missing import FindKey, no_keys
from streams.stores import ObjectRefusedError, StoresConfiguration
from streams.stores.claim_check import ClaimCheck

_Found = TypeVar("_Found")


class ResultFiles:
    """The files of results, wherever they lie. The stores are used in threads, never in the event loop.

    Args:
        stores: As `streams.clients.stores.stores_of`; None to fetch nothing.
        fetch_limit: Bytes of a file that `filled` fetches, at most.
        find: Finds the keys of sealed files.
    """

    def __init__(self, stores: str | StoresConfiguration | None, fetch_limit: int, find: FindKey = no_keys) -> None:
        self._claim_check = None if stores is None else ClaimCheck(stores_of(stores), find=find)
        self._fetch_limit = fetch_limit

    async def filled(self, result: CompressedAudio) -> CompressedAudio | Rejection:
        """A result with its file, as if that had been the record's value; too large ones stay as they are.

        Returns:
            The result; or why its file is not there, or is another one.

        Raises:
            StoresUnavailableError: If the store fails.
        """
        if result.data_ref is None or self._claim_check is None or result.compressed_bytes > self._fetch_limit:
            return result
        with translated_store_errors():
            audio = await asyncio.to_thread(self._claim_check.read_result, result)
        if isinstance(audio, Rejection):
            return audio
        return replace(result, audio=audio, data_ref=None, data_sha256=None, data_bytes=None)

    async def read(self, result: CompressedAudio) -> bytes:
        """The file of a result, in memory.

        Raises:
            HotelAudioError: As `parts`.
        """
        if result.data_ref is None:
            return result.audio
        with translated_store_errors():
            return _found(await asyncio.to_thread(self._checked.read_result, result))

    async def save(self, result: CompressedAudio, path: Path) -> None:
        """Write the file of a result to a path, in bounded memory; it is there when it is complete and verified.

        Raises:
            OSError: If it cannot be written.
            HotelAudioError: As `parts`.
        """
        unfinished = path.with_name(f".{path.name}.unfinished")
        try:
            if result.data_ref is None:
                await asyncio.to_thread(unfinished.write_bytes, result.audio)
            else:
                with translated_store_errors():
                    _found(await asyncio.to_thread(self._checked.fetch_result, result, unfinished))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    async def parts(self, result: CompressedAudio) -> AsyncIterator[bytes]:
        """The file of a result part by part, a few MiB at a time. A wrong digest is told after the last one.

        Raises:
            BrokenReferenceError: If the file is not there, or is another one.
            SealedError: If the file is sealed and cannot be opened.
            StoresRequiredError: If the client has no stores.
            StoresUnavailableError: If the store fails.
        """
        if result.data_ref is None:
            yield result.audio
            return
        parts = _found(self._checked.stream(result.data_ref, result.data_sha256))
        while part := await asyncio.to_thread(_next, parts):
            yield part

    def close(self) -> None:
        """Use the stores no more."""
        if self._claim_check is not None:
            self._claim_check.stores.close()

    @property
    def _checked(self) -> ClaimCheck:
        if self._claim_check is None:
            raise StoresRequiredError("the result's file lies in an object store: give the consumer its stores")
        return self._claim_check


def _found(found: _Found | Rejection) -> _Found:
    if isinstance(found, Rejection):
        raise _error_of(found)
    return found


def _error_of(rejection: Rejection) -> HotelAudioError:
    return SealedError(rejection.message) if rejection.stage == "open" else BrokenReferenceError(rejection.reason)


def _next(parts: Iterator[bytes]) -> bytes:
    """The next part; empty after the last one."""
    try:
        with translated_store_errors():
            return next(parts, b"")
    except ObjectRefusedError as error:
        raise _error_of(error.rejection) from None
