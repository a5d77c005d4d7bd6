"""The analysis of a recording is that of a clip, however its audio comes."""

import random
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.analysis.analysis import analyse, origin
from streams.analysis.recording import RecordingAnalysis, analyse_segment, origin_of, segments
from streams.audio import Clip, g711
from tests.support import telephony
from tests.support.signals import clip_of, speech

SIGNALS: dict[str, Clip] = {
    "one sample": clip_of(np.array([7], np.int16), 8000),
    "speech": speech(95),
    "two sides": speech(65, channels=2),
    "a side that is silent at first": clip_of(
        np.stack([speech(65).samples[:, 0], np.concatenate([np.zeros(8000 * 40), speech(25).samples[:, 0]])], 1).astype(
            np.int16
        ),
        8000,
    ),
    "two equal channels": clip_of(np.repeat(speech(40).samples, 2, axis=1), 8000),
    "almost equal channels": clip_of(speech(40).samples + np.array([[0, 1]], np.int16), 8000),
    "an odd rate": speech(70, 11_025),
    "wide band": speech(33, 44_100),
    "silence": telephony.clip(telephony.silence(70)),
    "music behind speech": telephony.clip(speech(50).samples[:, 0].astype(float), telephony.music(20)),
    "digits on a boundary": telephony.clip(
        telephony.noise(29.95, 30), telephony.digit("5", 0.1), telephony.noise(20, 30)
    ),
    "fax on a boundary": telephony.clip(telephony.noise(29, 30), telephony.modem(3, 2400, 1800)),
    "clipped": clip_of(np.clip(speech(35).samples.astype(int) * 9, -32768, 32767).astype(np.int16), 8000),
    "just a segment": clip_of(speech(31).samples[: 8000 * 30 + 4000], 8000),
    "one sample more": clip_of(speech(31).samples[: 8000 * 30 + 4001], 8000),
}


def blocks(clip: Clip, seed: int) -> Iterator[NDArray[np.int16]]:
    choice, at = random.Random(seed), 0
    while at < clip.frames:
        size = choice.choice([1, 100, clip.rate, 40 * clip.rate])
        yield clip.samples[at : at + size]
        at += size


@pytest.mark.parametrize("name", SIGNALS)
def test_it_is_that_of_a_clip(name: str) -> None:
    clip = SIGNALS[name]
    recording = RecordingAnalysis()
    for segment in segments(blocks(clip, 1), clip.rate):
        recording.add(analyse_segment(segment))

    assert recording.analysis() == analyse(clip)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_one_sample_off_the_grid_ends_the_origin(law: g711.Law) -> None:
    samples = g711.decode(g711.encode(speech(100).samples, law), law)
    for at in (None, 0, 8000 * 31, len(samples) - 1):
        changed = samples.copy()
        if at is not None:
            changed[at] = 1
        clip = clip_of(changed, 8000)
        parts = [origin_of(segment) for segment in segments(blocks(clip, 2), 8000)]

        assert sum(parts[1:], parts[0]).law == origin(clip) == (law if at is None else None)
