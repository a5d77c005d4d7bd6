import re
import shutil
from pathlib import Path

import pytest

from streams.runtime.state_directory import StateDirectoryError, check_state_directory, own_state_directory


def test_a_worker_stays_the_same_member_over_restarts(tmp_path: Path) -> None:
    with own_state_directory(tmp_path / "a") as first:
        pass
    with own_state_directory(tmp_path / "a") as again, own_state_directory(tmp_path / "b") as other:
        assert first == again != other
    assert re.fullmatch("[0-9a-f]{32}", first)


@pytest.mark.parametrize("left", [b"", b"half of one", b"\xff\xfe\xff"])
def test_a_member_id_that_was_damaged_is_replaced(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "member-id").write_bytes(left)
    with own_state_directory(tmp_path) as member:
        assert (tmp_path / "member-id").read_text() == member


def test_a_copy_is_another_member_and_the_original_stays_the_same(tmp_path: Path) -> None:
    with own_state_directory(tmp_path / "a") as first:
        pass
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with own_state_directory(tmp_path / "a") as original, own_state_directory(tmp_path / "b") as copy:
        assert original == first != copy
    with own_state_directory(tmp_path / "b") as again:
        assert again == copy


def test_a_directory_that_was_moved_is_the_same_member(tmp_path: Path) -> None:
    with own_state_directory(tmp_path / "a") as first:
        pass
    (tmp_path / "a").rename(tmp_path / "b")
    with own_state_directory(tmp_path / "b") as moved:
        assert moved == first


def test_the_member_id_of_a_release_that_noted_no_place_is_kept(tmp_path: Path) -> None:
    (tmp_path / "member-id").write_text("0" * 32)
    for _ in range(2):
        with own_state_directory(tmp_path) as member:
            assert member == "0" * 32


def test_two_workers_cannot_share_a_directory(tmp_path: Path) -> None:
    with (
        own_state_directory(tmp_path),
        pytest.raises(StateDirectoryError, match="another worker uses it"),
        own_state_directory(tmp_path),
    ):
        pass


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(StateDirectoryError, match=r"AUDIO_STATE_DIR=.*: Not a directory"),
        own_state_directory(tmp_path / "file" / "state"),
    ):
        pass


def test_errors_of_the_work_itself_are_not_taken_for_the_directorys(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), own_state_directory(tmp_path):
        raise FileNotFoundError
    with own_state_directory(tmp_path):  # and it is free again
        pass


def test_a_directory_that_could_be_used_is_not_made(tmp_path: Path) -> None:
    assert check_state_directory(tmp_path)
    assert not check_state_directory(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_could_not_be_used_is_told_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    wrong = {
        tmp_path / "file": "Not a directory",
        tmp_path / "file" / "a": "Not a directory",
        tmp_path / "nowhere": "No such file or directory",
        tmp_path / "loop" / "a": "Too many levels of symbolic links",
        tmp_path / ("a" * 300): "File name too long",
        Path("/proc/a"): "No such file or directory",
    }
    for directory, reason in wrong.items():
        with pytest.raises(StateDirectoryError, match=f"^AUDIO_STATE_DIR={re.escape(str(directory))}: {reason}$"):
            check_state_directory(directory)
