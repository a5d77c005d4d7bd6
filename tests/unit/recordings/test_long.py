"""Recordings of hours are compressed in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streams.codecs import wav
from tests.support.signals import speech

MOST_MB = 400


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("level", [1, 3])
@pytest.mark.parametrize("hours", [1, 10])
def test_memory_does_not_grow_with_length(tmp_path: Path, hours: int, level: int) -> None:
    samples = speech(600).samples.astype("<i2").tobytes()
    source = tmp_path / "recording.wav"
    with source.open("wb") as file:
        file.write(wav.pcm_head(6 * hours * len(samples), 8000, 1))
        for _ in range(6 * hours):
            file.write(samples)

    command = [sys.executable, "-m", "scripts.benchmarks.recordings.product", str(source), str(level), "2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert json.loads(done.stdout)["peak_mb"] < MOST_MB
    _assert_whole(source.with_suffix(".out"), hours)


def _assert_whole(path: Path, hours: int) -> None:
    seconds = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert np.isclose(float(seconds.stdout), 3600 * hours, atol=0.1)
