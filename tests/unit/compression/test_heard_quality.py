"""PESQ of every side at levels 3 and 4 is what is promised and predicted, and each side is as loud as it was.

The voices are synthesized: only those of some seeds have the scores of people. Measurements on real recordings:
`scripts/bench calls`, docs/BENCHMARKS.md.
"""

import io

import numpy as np
import pytest
import soundfile

from scripts.benchmarks.codecs.pesq_score import scores
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip
from streams.codecs import DualMonoOpusEncoder, Encoded, OpusEncoder
from streams.compression import DEFAULT_POLICY, choose, encode
from streams.compression.plan import FLOORS
from tests.support import telephony
from tests.support.signals import clip_of, speech

LEFT, RIGHT = (speech(8, seed=seed).samples[:, 0] for seed in (4, 7))
MUSIC = telephony.clip(telephony.music(8)).samples[:, 0]
RINGING = telephony.clip(*[telephony.sines((440, 480), 2), telephony.silence(1)] * 2).samples[:, 0]
PAUSE = np.zeros_like(LEFT)
CALLS = {
    "both at once": (LEFT, RIGHT),
    "turns": (np.concatenate([LEFT, PAUSE]), np.concatenate([PAUSE, RIGHT])),
    "one side 20 dB below the other": (LEFT, RIGHT // 10),
    "hold music": (LEFT, MUSIC),
    "one side silent": (LEFT, PAUSE),
    "mono as stereo": (LEFT, LEFT),
    "music within speech": (np.concatenate([LEFT, MUSIC, RIGHT, LEFT]),),
    "ringing, then speech": (np.concatenate([RINGING, LEFT]),),
    "offset": (LEFT - 1300,),
    "quiet": (np.rint(LEFT / 100).astype(np.int16),),
    "hardly audible": (np.rint(LEFT / 250).astype(np.int16),),
}
BETWEEN = 0.15  # what is heard and what is predicted
SOFTER_DB = 1.5  # by coding at low bit rates


def heard(clip: Clip, file: Encoded) -> list[float]:
    return [score for score in scores(clip, file.audio) if score is not None]


def louder_db(clip: Clip, file: Encoded) -> list[float]:
    """By how much each side with sound has become louder; PESQ does not hear that."""
    decoded, _ = soundfile.read(io.BytesIO(file.audio), dtype="int16", always_2d=True)
    pairs = zip(clip.samples.T, decoded.T, strict=True)
    return [20 * np.log10(after.std() / before.std()) for before, after in pairs if before.any()]


@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_side_is_heard_as_promised(call: tuple[np.ndarray, ...], level: int) -> None:
    clip = clip_of(np.stack(call, axis=1))
    plan = choose(clip, analyse_lazily(clip), DEFAULT_POLICY, fixed_level=level).plan

    file = encode(clip, plan)

    assert min(heard(clip, file)) > FLOORS[level] - BETWEEN
    assert plan.qualities[0] == pytest.approx(min(heard(clip, file)), abs=BETWEEN)
    assert louder_db(clip, file) == pytest.approx([0] * len(louder_db(clip, file)), abs=SOFTER_DB)


def test_ringing_is_heard_at_level_5() -> None:
    clip = clip_of(CALLS["ringing, then speech"][0])
    plan = choose(clip, analyse_lazily(clip), DEFAULT_POLICY, fixed_level=5).plan

    assert min(heard(clip, encode(clip, plan))) > FLOORS[5] - BETWEEN


def test_a_coupled_stream_or_exchanged_sides_would_be_heard() -> None:
    clip = clip_of(np.stack(CALLS["both at once"], axis=1))
    (encoder,) = choose(clip, analyse_lazily(clip), DEFAULT_POLICY).plan.encoders
    assert isinstance(encoder, DualMonoOpusEncoder)
    coupled = OpusEncoder(encoder.left.bitrate + encoder.right.bitrate)
    exchanged = clip_of(clip.samples[:, ::-1])

    for file in (coupled.encode(clip), encoder.encode(exchanged)):
        assert min(heard(clip, file)) < FLOORS[4] - BETWEEN


def test_a_wrong_gain_would_be_found() -> None:
    clip = clip_of(CALLS["quiet"][0])
    (encoder,) = choose(clip, analyse_lazily(clip), DEFAULT_POLICY).plan.encoders
    assert isinstance(encoder, OpusEncoder)

    softer = encoder.encode(clip_of(clip.samples // 2))

    assert encoder.gain_db > 0
    assert all(abs(difference) > SOFTER_DB for difference in louder_db(clip, softer))
