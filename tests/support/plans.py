"""Choices of level and encoder for speech, with defaults for everything that a test does not name."""

import dataclasses
from typing import Any

from streams.analysis.analysis import Analysis, LazyAnalysis
from streams.audio.clip import Clip
from streams.codecs import OpusEncoder
from streams.compression import DEFAULT_POLICY, Decision, Policy, Pressure, choose
from tests.support.signals import speech

CLIP = speech(0.1)
SPEECH = Analysis(
    kind="speech", bandwidth=4000, g711=None, level_dbfs=-20.0, clipping=0.0, activity=0.9, has_dtmf=False
)
MOST = Pressure(effort_steps=3, extra_levels=2)


def analysed(**changes: Any) -> Analysis:
    return dataclasses.replace(SPEECH, **changes)


def decide(
    policy: Policy = DEFAULT_POLICY,
    analysis: Analysis = SPEECH,
    pressure: Pressure = Pressure(),  # noqa: B008 - frozen
    fixed: int | None = None,
    clip: Clip = CLIP,
) -> Decision:
    return choose(clip, LazyAnalysis.known(analysis), policy, pressure, fixed)


def opus(decision: Decision) -> OpusEncoder:
    (encoder,) = decision.plan.encoders
    assert isinstance(encoder, OpusEncoder)
    return encoder
