import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streams.api.encrypted_file import EncryptedFile


def on_disk(directory: Path) -> bytes:
    """What the one open file of a directory has on the disk: it has no name, but a descriptor of this process."""
    open_files = [one for one in Path("/proc/self/fd").iterdir() if str(directory) in os.path.realpath(one)]
    assert len(open_files) == 1
    return os.pread(int(open_files[0].name), 2**20, 0)


def test_it_is_read_as_it_was_written_wherever_one_begins(tmp_path: Path) -> None:
    content = os.urandom(100_003)
    file = EncryptedFile(tmp_path / "new")
    for at in range(0, len(content), 777):
        file.write(content[at : at + 777])
    assert file.tell() == file.seek(0, os.SEEK_END) == len(content)
    assert file.seek(-10, os.SEEK_CUR) == len(content) - 10
    assert file.read() == content[-10:]
    for start, size in ((0, 1), (15, 2), (16, 16), (99_999, 100), (100_003, 1), (31, 50_000)):
        assert file.read_at(start, size) == content[start : start + size]


def test_nothing_of_it_is_on_the_disk_in_clear(tmp_path: Path) -> None:
    canary = b"the voice of a guest"
    file = EncryptedFile(tmp_path)
    file.write(100 * canary)
    assert len(on_disk(tmp_path)) == 100 * len(canary)
    assert canary not in on_disk(tmp_path)
    assert canary in file.read_at(0, 100)
    assert list(tmp_path.iterdir()) == []


def test_two_files_have_two_keys(tmp_path: Path) -> None:
    first, second = EncryptedFile(tmp_path / "a"), EncryptedFile(tmp_path / "b")
    for file in (first, second):
        file.write(bytes(64))
    assert on_disk(tmp_path / "a") != on_disk(tmp_path / "b")


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG"])
def test_an_audio_library_writes_and_reads_it(tmp_path: Path, container: str) -> None:
    samples = (8000 * np.sin(np.arange(40_000) / 9)).astype(np.int16)
    file = EncryptedFile(tmp_path)
    soundfile.write(file, samples, 8000, format=container)
    file.seek(0)
    found, rate = soundfile.read(file, dtype="int16")
    assert (len(found), rate) == (len(samples), 8000)
    assert container == "OGG" or np.array_equal(found, samples)


def test_threads_read_side_by_side(tmp_path: Path) -> None:
    content = os.urandom(400_000)
    file = EncryptedFile(tmp_path)
    file.write(content)
    wrong: list[int] = []

    def read(start: int) -> None:
        wrong.extend(at for at in range(start, 400_000, 4001) if file.read_at(at, 999) != content[at : at + 999])

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
