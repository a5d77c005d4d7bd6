"""Audio of any length is coded: hours of it, which exceed 32-bit sizes somewhere, and a single sample."""

import numpy as np
import pytest

from streams.codecs import OpusEncoder, libopus
from tests.support.signals import clip_of, speech

HOURS = 16_860 * 8000  # samples: 4 h 41 min at 8 kHz


@pytest.mark.parametrize("bitrate", [6000, 256_000])
def test_a_buffer_that_is_too_small_grows_and_changes_nothing(bitrate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = speech(2, 48_000)
    roomy = OpusEncoder(bitrate).encode(clip)
    monkeypatch.setattr(libopus, "_MARGIN", 0)
    assert OpusEncoder(bitrate).encode(clip) == roomy


@pytest.mark.long
def test_hours_are_coded_completely() -> None:
    audio = OpusEncoder(6000, effort=0, dtx=True, bandwidth=4000).encode(clip_of(np.zeros(HOURS, np.int16))).audio
    end = int.from_bytes(audio[audio.rindex(b"OggS") + 6 :][:8], "little", signed=True)
    head = int.from_bytes(audio[audio.index(b"OpusHead") + 10 :][:2], "little")
    assert end - head == HOURS * 6


@pytest.mark.long
def test_the_buffer_of_hours_has_the_size_of_the_result_and_not_of_the_largest_packets() -> None:
    samples = np.zeros((HOURS, 1), np.int16)
    bitrates = np.full(HOURS // 480, 12_000, np.int32)
    settings = libopus.Settings(0, 4000, dtx=True)
    packets, _ = libopus.encode(samples, 8000, bitrates, settings)
    assert len(packets.data) < 2.1 * HOURS / 8000 * 12_000 / 8
