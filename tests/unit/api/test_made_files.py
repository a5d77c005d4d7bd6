import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.api.encrypted_file import EncryptedFile
from streams.api.made_files import MadeFiles


def writing(content: bytes, made: list[bytes]) -> Callable[[EncryptedFile], None]:
    def write(file: EncryptedFile) -> None:
        made.append(content)
        file.write(content)

    return write


async def test_a_file_is_made_once_for_all_who_want_it_at_once_and_later(tmp_path: Path) -> None:
    files, made = MadeFiles(tmp_path / "calls"), list[bytes]()
    found = [*await asyncio.gather(*(files.get("a", writing(b"abc", made)) for _ in range(5)))]
    found.append(await files.get("a", writing(b"abc", made)))
    assert made == [b"abc"]
    assert {one.size for one in found} == {3}
    assert {one.sha256 for one in found} == {hashlib.sha256(b"abc").hexdigest()}
    assert list((tmp_path / "calls").iterdir()) == []


async def test_a_file_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    files, made = MadeFiles(tmp_path), list[bytes]()

    def fail(_: EncryptedFile) -> None:
        raise ValueError("no audio")

    for _ in range(2):
        with pytest.raises(ValueError, match="no audio"):
            await files.get("a", fail)
    assert (await files.get("a", writing(b"abc", made))).size == 3


async def test_the_oldest_files_are_made_again(tmp_path: Path) -> None:
    files, made = MadeFiles(tmp_path), list[bytes]()
    for number in (*range(9), 8, 0):
        await files.get(str(number), writing(b"%d" % number, made))
    assert made == [b"%d" % number for number in (*range(9), 0)]
