"""The demo's recordings by reference: which they are, and what is checked of their results."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas import CompressedAudio, DeadLetter, MediaType, Position
from scripts.demonstration.large_recordings import (
    LargeRecording,
    SentRecording,
    large_recording,
    recordings_table,
    save_recordings,
)
from scripts.demonstration.own_recordings import inputs_of
from scripts.recordings.finding import Recording
from streams.clients.result_files import ResultFiles
from streams.stores import Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from tests.support.events import COMPRESSED, LETTER
from tests.support.signals import encode_as, speech

POSITION = Position("audio.recordings", 3, 7)
FILE = encode_as(speech(0.5), "audio/flac")


@pytest.fixture
def stores(tmp_path: Path) -> StoresConfiguration:
    return replace(StoresConfiguration.parse(f"file://{tmp_path}/stored"), checked=False)


@pytest.fixture
def large(tmp_path: Path) -> LargeRecording:
    path = tmp_path / "hour.wav"
    path.write_bytes(bytes(5000))
    return large_recording(Recording(path, Path("hour.wav"), MediaType("audio/wav")), "demo-1", 1)


def result_of(large: LargeRecording, stores: StoresConfiguration) -> CompressedAudio:
    result = replace(COMPRESSED, causation_id=large.event.id, original_bytes=5000, position=POSITION, duration_ms=500)
    return ClaimCheck(Stores.of(stores), inline_limit=1000).store_result(result, FILE)


def test_large_recordings_are_not_read_and_small_ones_are_decoded(tmp_path: Path) -> None:
    (tmp_path / "small.wav").write_bytes(encode_as(speech(0.5), "audio/wav"))
    (tmp_path / "large.wav").write_bytes(bytes(20_000))
    own = inputs_of([tmp_path], "demo-1", 10_000)
    assert [one.clip is not None for one in own.inputs] == [True]
    assert [(one.name, one.size) for one in own.large] == [("large.wav", 20_000)]


def test_a_result_is_saved_and_shown(large: LargeRecording, stores: StoresConfiguration, tmp_path: Path) -> None:
    sent = [SentRecording(large, POSITION, 10.0)]
    results, faults = save_recordings(
        sent, [(result_of(large, stores), 52.5)], ResultFiles(stores, 0), tmp_path / "out"
    )
    assert faults == []
    [one] = results
    assert one.file is not None
    assert one.file.read_bytes() == FILE
    told = one.as_json()
    assert (told["bytes_in"], told["bytes_out"], told["audio_seconds"], told["seconds"]) == (
        5000,
        len(FILE),
        0.5,
        42.5,
    )
    assert recordings_table(results).row_count == 1


def test_what_is_not_as_it_has_to_be_is_told(
    large: LargeRecording, stores: StoresConfiguration, tmp_path: Path
) -> None:
    sent, files = [SentRecording(large, POSITION, 0.0)], ResultFiles(stores, 0)
    good = result_of(large, stores)
    letter = replace(LETTER, position=POSITION)
    gone = replace(good, data_ref=f"{good.data_ref}x")

    def faults(*arrived: CompressedAudio | DeadLetter) -> list[str]:
        return save_recordings(sent, [(one, 1.0) for one in arrived], files, tmp_path / "out")[1]

    assert faults() == ["hour.wav has 0 outcomes and must have one"]
    assert faults(good, good) == ["hour.wav has 2 outcomes and must have one"]
    assert faults(letter) == [f"hour.wav is a dead letter: {letter.rejection.message}"]
    assert faults(replace(good, causation_id="other")) == ["hour.wav: has the result of another input"]
    assert faults(replace(good, original_bytes=1)) == ["hour.wav: has a result of 1 bytes of input"]
    [fault] = faults(replace(good, duration_ms=3_600_000))
    assert fault.endswith("has 0.500 s and must have 3600.000 s")
    [fault] = faults(gone)
    assert "no such object" in fault
