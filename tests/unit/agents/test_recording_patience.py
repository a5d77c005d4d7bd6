"""What a recording waits for, and the directory for its files."""

import threading
from pathlib import Path

import pytest

from agents.recordings import patience as patience_module
from agents.recordings.patience import NoSpaceError, Patience
from agents.recordings.work_files import WorkFiles
from schemas import Position
from streams.delivery.recording_control import RecordingCancelledError, RecordingControl
from streams.stores import StoreUnavailableError

PLACE = Position("audio.recordings", 0, 7)


def test_what_a_store_or_the_disk_refuses_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "_FIRST_PAUSE", 0.001)
    errors = [StoreUnavailableError("away"), NoSpaceError("full"), OSError("broken")]

    def work() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    control = RecordingControl()
    assert Patience(control, PLACE).until_done(work) == "done"
    assert not control.waits


def test_other_errors_are_raised() -> None:
    def work() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        Patience(RecordingControl(), PLACE).until_done(work)


def test_a_recording_that_waits_can_be_cancelled() -> None:
    control = RecordingControl()
    waited = threading.Event()

    def work() -> None:
        waited.set()
        raise StoreUnavailableError("away")

    def cancel() -> None:
        waited.wait(10)
        control.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(RecordingCancelledError):
        Patience(control, PLACE).until_done(work)
    thread.join()


def test_files_of_a_killed_process_are_removed_and_those_of_a_recording_after_it(tmp_path: Path) -> None:
    left = tmp_path / "recordings" / "left" / "source"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"1")
    files = WorkFiles(tmp_path / "recordings")
    assert list((tmp_path / "recordings").iterdir()) == []
    with files.directory() as directory:
        (directory / "source").write_bytes(b"1")
        with files.directory() as other:
            assert other != directory
    assert list((tmp_path / "recordings").iterdir()) == []


def test_a_recording_needs_room_for_itself_its_result_and_others(tmp_path: Path) -> None:
    files = WorkFiles(tmp_path / "recordings")
    assert files.lacks(1) == 0
    assert files.lacks(10**15) > 10**15
