"""Files that are made for a request, and kept for a while, as players ask for the same one in many parts."""

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from streams.api.encrypted_file import EncryptedFile

_KEPT = 8  # files
_KEPT_FOR = 600.0  # seconds


class MadeFile(NamedTuple):
    """A file that ends with the last use of it.

    Attributes:
        file: Its content.
        size: Its bytes.
        sha256: Their digest, in hex.
    """

    file: EncryptedFile
    size: int
    sha256: str


class MadeFiles:
    """Makes files, one at a time, and keeps the last ones.

    Args:
        directory: Where they are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: OrderedDict[str, tuple[float, MadeFile]] = OrderedDict()
        self._making: dict[str, asyncio.Task[MadeFile]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)

    async def get(self, what: str, write: Callable[[EncryptedFile], None]) -> MadeFile:
        """A file that is kept, or else is made now, once for all who want it.

        Args:
            what: Names its content.
            write: Writes it, in a thread; what it raises is raised.
        """
        self._forget_old()
        if what in self._kept:
            return self._kept[what][1]
        making = self._making.get(what)
        if making is None:
            making = self._making[what] = asyncio.create_task(self._make(what, write))
            making.add_done_callback(lambda done: self._made(what, done))
        return await asyncio.shield(making)

    async def _make(self, what: str, write: Callable[[EncryptedFile], None]) -> MadeFile:
        async with self._one_at_a_time:
            made = await asyncio.to_thread(self._written, write)
        self._kept[what] = (time.monotonic(), made)
        asyncio.get_running_loop().call_later(_KEPT_FOR + 1, self._forget_old)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made

    def _written(self, write: Callable[[EncryptedFile], None]) -> MadeFile:
        file = EncryptedFile(self._directory)
        write(file)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        return MadeFile(file, size, hashlib.file_digest(file, "sha256").hexdigest())

    def _made(self, what: str, done: "asyncio.Task[MadeFile]") -> None:
        self._making.pop(what, None)
        if not done.cancelled():
            done.exception()  # every request that waits for it gets it; there may be none left

    def _forget_old(self) -> None:
        oldest = time.monotonic() - _KEPT_FOR
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._kept.popitem(last=False)
