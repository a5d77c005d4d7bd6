"""A whole call in one file, whatever its tracks are."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from schemas import CompressedAudio
from streams.audio import Clip
from streams.clients.assembling import assemble
from streams.clients.call_audio import CallAudio, write_audio
from streams.codecs import FlacEncoder
from tests.support.call_segments import BEGAN, encoded, noise, segments

FLAC = FlacEncoder(5)


def side(clip: Clip, channel: str, late: float = 0.0) -> CompressedAudio:
    return encoded(clip, FLAC, 0, channel=channel, time=BEGAN + timedelta(seconds=late))


def mixed(path: Path, *results: CompressedAudio) -> tuple[NDArray[np.int16], int]:
    stream = CallAudio(lambda one: one.result.audio).of_call(assemble(segments(*results)), path.name)
    write_audio(path, stream, path.suffix[1:])
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    return samples, rate


def test_guest_and_agent_are_left_and_right_and_others_on_both_sides(tmp_path: Path) -> None:
    guest, agent, prompt = noise(1.0, seed=1), noise(0.5, seed=2), noise(0.25, seed=3)
    samples, _ = mixed(
        tmp_path / "call.flac", side(guest, "guest"), side(agent, "agent", 0.5), side(prompt, "prompt", 0.25)
    )
    left, right = guest.samples[:, 0].astype(int), np.zeros(8000, int)
    right[4000:] += agent.samples[:, 0]
    for channel in (left, right):
        channel[2000:4000] += prompt.samples[:, 0]
    assert (samples == np.stack([left, right], axis=1)).all()


def test_one_track_stays_as_it_is(tmp_path: Path) -> None:
    stereo = noise(0.5, channels=2)
    samples, rate = mixed(tmp_path / "call.wav", side(stereo, "mixed"))
    assert rate == 8000
    assert (samples == stereo.samples).all()


def test_three_tracks_without_two_sides_are_mono_and_never_wrap(tmp_path: Path) -> None:
    loud = Clip.of(np.full((800, 1), 30_000, np.int16), 8000, noise(0.1).source)
    samples, _ = mixed(tmp_path / "call.wav", *(side(loud, name) for name in ("mixed", "prompt", "agent")))
    assert samples.tolist() == [[32_767]] * 800


def test_tracks_of_other_rates_and_in_stereo_have_their_length(tmp_path: Path) -> None:
    guest, agent = noise(1.003, rate=11_025), noise(1.0, rate=16_000, channels=2)
    samples, rate = mixed(tmp_path / "call.wav", side(guest, "guest"), side(agent, "agent"))
    assert (samples.shape, rate) == ((round(guest.frames * 16_000 / 11_025), 2), 16_000)
    both = agent.samples.astype(int)
    assert (np.abs(2 * samples[:16_000, 1].astype(int) - both.sum(axis=1)) <= 1).all()
    assert np.abs(samples[:, 0].astype(int)).mean() > 1000


@pytest.mark.parametrize("rate", [8000, 11_025])
def test_an_ogg_file_has_the_length_of_the_call(tmp_path: Path, rate: int) -> None:
    samples, _ = mixed(
        tmp_path / "call.ogg", side(noise(1.0, rate=rate), "guest"), side(noise(0.5, rate=rate), "agent")
    )
    assert samples.shape == (rate, 2)
