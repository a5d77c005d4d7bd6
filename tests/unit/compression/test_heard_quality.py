"""PESQ of every side at levels 3 and 4 is near the level's floor, whatever the call contains.

The voices are synthesized: PESQ is up to 0.6 lower for them than for people. Measurements on real recordings:
`scripts/bench calls`, docs/BENCHMARKS.md.
"""

import io

import numpy as np
import pesq
import pytest
import soundfile

from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip
from streams.compression import DEFAULT_POLICY, choose, encode
from streams.compression.plan import FLOORS
from tests.support import telephony
from tests.support.signals import clip_of, speech

LEFT, RIGHT = (speech(8, seed=seed).samples[:, 0] for seed in (0, 1))
MUSIC = telephony.clip(telephony.music(8)).samples[:, 0]
PAUSE = np.zeros_like(LEFT)
CALLS = {
    "both at once": (LEFT, RIGHT),
    "turns": (np.concatenate([LEFT, PAUSE]), np.concatenate([PAUSE, RIGHT])),
    "hold music": (LEFT, MUSIC),
    "one side silent": (LEFT, PAUSE),
    "mono as stereo": (LEFT, LEFT),
    "music within speech": (np.concatenate([LEFT, MUSIC, RIGHT, LEFT]),),
    "quiet": (np.rint(LEFT / 100).astype(np.int16),),
    "hardly audible": (np.rint(LEFT / 250).astype(np.int16),),
}


def best_scores(clip: Clip, audio: bytes) -> list[float]:
    """The score of each side with speech, the best of several beginnings: PESQ sometimes misaligns synthetic voices."""
    decoded, _ = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    found = []
    for before, after in zip(clip.samples.T, decoded.T, strict=True):
        scores = [
            pesq.pesq(clip.rate, before[start:], after[start:], "nb", on_error=pesq.PesqError.RETURN_VALUES)
            for start in (0, 40, 100, 400)
        ]
        found += [max(scores)] if max(scores) > 0 else []
    return found


@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_side_is_heard_as_promised(call: tuple[np.ndarray, ...], level: int) -> None:
    clip: Clip = clip_of(np.stack(call, axis=1))
    plan = choose(clip, analyse_lazily(clip), DEFAULT_POLICY, fixed_level=level).plan

    heard = best_scores(clip, encode(clip, plan).audio)

    assert heard
    assert min(heard) > FLOORS[level] - 0.6
    assert min(heard) - 0.1 < plan.qualities[0] < min(heard) + 0.6
