"""What is heard of samples is judged: position by pitch, length, channels."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts.benchmarks.players import report
from scripts.benchmarks.players.heard import Heard, Tolerance, faults, of_sound
from scripts.benchmarks.players.samples import FORMATS, LENGTHS, RATES, Sample, position, sample
from scripts.benchmarks.players.tolerances import tolerance


@pytest.fixture(scope="module")
def stereo() -> Sample:
    return sample("WAV pcm", 8000, 2, 90.0)


def heard(stereo: Sample, start: float, folder: Path, swapped: bool = False) -> Heard:
    sound, rate = soundfile.read(io.BytesIO(stereo.audio))
    part = sound[round(start * rate) :, ::-1] if swapped else sound[round(start * rate) :]
    soundfile.write(folder / "part.wav", part, rate)
    return of_sound(str(folder / "part.wav"), stereo, start)


@pytest.mark.parametrize("start", [0.0, 0.5, 45.0, 88.5])
def test_position_follows_from_the_pitch(stereo: Sample, start: float) -> None:
    sound, rate = soundfile.read(io.BytesIO(stereo.audio))

    for side in range(2):
        assert position(sound[round(start * rate) :, side], rate, side) == pytest.approx(start, abs=0.05)


def test_silence_has_no_position() -> None:
    assert np.isnan(position(np.zeros(8000), 8000))


def test_a_right_position_is_no_fault(stereo: Sample, tmp_path: Path) -> None:
    assert list(faults(stereo, heard(stereo, 0.0, tmp_path), Tolerance())) == []


def test_swapped_sides_are_a_fault(stereo: Sample, tmp_path: Path) -> None:
    found = heard(stereo, 45.0, tmp_path, swapped=True)

    assert [aspect for aspect, _ in faults(stereo, Heard(landed=found.landed), Tolerance())] == ["seeks"]


def test_a_player_that_lands_elsewhere_is_a_fault(stereo: Sample, tmp_path: Path) -> None:
    landed = {45.0: heard(stereo, 7.0, tmp_path).landed[7.0]}

    assert list(faults(stereo, Heard(None, 90.0, landed), Tolerance())) == [("seeks", "to 45 s: lands at 7.00, 7.00")]


@pytest.mark.parametrize(("seconds", "found"), [(90.0, []), (541.0, ["length"]), (float("nan"), ["length"])])
def test_a_wrong_length_is_a_fault(stereo: Sample, seconds: float, found: list[str]) -> None:
    assert [aspect for aspect, _ in faults(stereo, Heard(seconds=seconds), Tolerance())] == found


def test_a_lost_channel_is_a_fault(stereo: Sample) -> None:
    assert list(faults(stereo, Heard(landed={0.0: (0.0,)}), Tolerance())) == [
        ("opens", "1 channels instead of 2"),
    ]


def test_leniency_names_programs_and_formats_that_exist() -> None:
    lenient = {(name, form) for name in report.NAMES for form in FORMATS if tolerance(name, form).reason}

    assert len(lenient) > 5
    assert tolerance("ffmpeg", "FLAC") == tolerance("Chromium", "MP3") == Tolerance()


def test_names_of_samples_tell_them_apart() -> None:
    short = [sample(form, rate, 2, seconds).name for form in FORMATS for rate in RATES for seconds in LENGTHS[:2]]

    assert len(set(short)) == len(short)
