"""Chooses how to compress a clip, from its content, the hotel's policy and the load."""

from dataclasses import dataclass, replace

from schemas.policy import DEFAULT_LEVEL, MAX_LEVEL, MIN_LEVEL, MOST_COMPRESSED_LOSSLESS, OPUS
from streams.analysis.analysis import Analysis, LazyAnalysis
from streams.audio.clip import ClipOrMetadata
from streams.codecs import Encoder
from streams.codecs.base import LOSSLESS
from streams.compression import formats
from streams.compression.forecast import Forecast, forecast
from streams.compression.load import NO_PRESSURE, Pressure
from streams.compression.lossy_input import combined, input_quality
from streams.compression.policy import AssumedPolicy, Policy

#: Lowest predicted mean opinion score (PESQ-NB) of the lossy levels: their quality floor plus the model's error margin.
FLOORS = {3: 4.22, 4: 4.02, 5: 3.56}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything besides the samples that determines the encoded bytes.

    Attributes:
        level: 1 (lossless, fastest), 2 (lossless, smallest), 3 (transparent), 4 (economical) or 5 (smallest that is
            still intelligible).
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        encoders: At least one; the smallest file is used, the first among equals.
        qualities: Predicted mean opinion score of each encoder's result for this clip; empty if not predicted. The
            result of a lossy input is compared with what its sender coded.
        input_quality: Predicted mean opinion score of the input as it came, if it is lossy and the level is; else 5.0.
    """

    level: int
    rate: int
    channels: int
    encoders: tuple[Encoder, ...]
    qualities: tuple[float, ...] = ()
    input_quality: float = LOSSLESS

    @property
    def codec(self) -> str:
        """Codec of the first encoder."""
        return self.encoders[0].codec

    @property
    def profile(self) -> str:
        """Stable text, equal for two plans if and only if equal samples give equal bytes."""
        names = "|".join(encoder.profile for encoder in self.encoders)
        return f"level={self.level}:rate={self.rate}:channels={self.channels}:{names}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan and the reason for it.

    Attributes:
        plan: The plan, for `streams.compression.encode`.
        reason: Stable short text, one of about thirty, such as ``policy ceiling 3``, ``fax`` or ``load (level)``.
    """

    plan: Plan
    reason: str


def choose(
    clip: ClipOrMetadata,
    lazy_analysis: LazyAnalysis,
    policy: Policy,
    pressure: Pressure = NO_PRESSURE,
    fixed_level: int | None = None,
    *,
    input_bytes: int = 0,
) -> Decision:
    """Choose the plan for a clip.

    The level is decided by, in order of precedence: a legal hold, a policy that cannot be read, and fax, which are
    lossless (level 2 at most), with a lossless format even if the policy accepts none; a fixed level; the policy's
    floor, ceiling and default. Then, for the lossy levels:

    - The first accepted format is used.
    - Its bit rate is the lowest that is predicted to reach the level's quality floor, or the policy's if that is
      higher, and never so low that DTMF digits are lost. A format that cannot reach the floor is used at its best, with
      the reason ``format limit`` and the quality that it can reach; for a policy that accepts every format, the first
      one that reaches the level's floor.
    - A lossy input has a quality of its own: the floors are relative to it, the predictions are not.
    - If the policy limits bytes per minute, later formats and then higher levels up to the ceiling are tried until the
      estimate fits. The quality floors still apply: if nothing fits, the smallest plan is used.

    Load first reduces the effort and then raises the level up to the ceiling, among the lossy levels only: lossless
    coding is cheaper anyway.

    Args:
        clip: The decoded audio, or its metadata.
        lazy_analysis: The audio analysis; if the result is lossless anyway, only the G.711 law is computed.
        policy: The hotel's policy.
        pressure: The present pressure of the `LoadGovernor`.
        fixed_level: 1 to 5 to fix the level, or None for automatic.
        input_bytes: Size of the input, from which the quality of a lossy one is predicted; 0 where that is of no
            interest.

    Raises:
        ValueError: If the level does not exist.
    """
    level, reason = _base_level(policy, fixed_level)
    if level <= MOST_COMPRESSED_LOSSLESS:
        return _lossless(clip, lazy_analysis, policy, pressure, level=level, reason=reason)
    analysis = lazy_analysis.analyse()
    if analysis.kind == "fax":
        return _lossless(clip, lazy_analysis, policy, pressure, level=MOST_COMPRESSED_LOSSLESS, reason="fax")
    highest = level
    if fixed_level is None:
        highest = max(level, policy.ceiling_level)
        raised = min(level + pressure.extra_levels, policy.ceiling_level)
        if raised > level:
            level, reason = raised, "load (level)"
    prediction = forecast(clip.rate, clip.channels, analysis)
    decision = _lossy(clip, prediction, policy, pressure, levels=range(level, highest + 1), reason=reason)
    came = input_quality(clip, input_bytes, prediction) if input_bytes else LOSSLESS
    return decision if came == LOSSLESS else _from_what_came(decision, came)


def is_lossless(policy: Policy, fixed_level: int | None) -> bool:
    """Whether the result is lossless whatever the content: then `choose` needs the G.711 law only."""
    return _base_level(policy, fixed_level)[0] <= MOST_COMPRESSED_LOSSLESS


def _base_level(policy: Policy, fixed: int | None) -> tuple[int, str]:
    """The level that settings and policy give, without content and load, and the reason."""
    if fixed is not None and not MIN_LEVEL <= fixed <= MAX_LEVEL:
        raise ValueError(f"level {fixed} does not exist; use 1 to 5, or None for automatic")
    level, reason = _by_policy(policy) if fixed is None else (fixed, f"fixed level {fixed}")
    if not policy.legal_hold:
        return level, reason
    reason = "policy unknown" if isinstance(policy, AssumedPolicy) else "legal hold"
    return min(level, MOST_COMPRESSED_LOSSLESS), reason


def _by_policy(policy: Policy) -> tuple[int, str]:
    """The level that the policy alone gives, and the reason."""
    level = min(max(policy.default_level, policy.floor_level), policy.ceiling_level)
    if level == DEFAULT_LEVEL:
        return level, "default"
    if level == policy.floor_level > DEFAULT_LEVEL:
        return level, f"policy floor {level}"
    if level == policy.ceiling_level < DEFAULT_LEVEL:
        return level, f"policy ceiling {level}"
    return level, f"policy default {level}"


def _lossless(
    clip: ClipOrMetadata, lazy_analysis: LazyAnalysis, policy: Policy, pressure: Pressure, *, level: int, reason: str
) -> Decision:
    encoders = formats.lossless(clip, lazy_analysis.origin(), policy, level, pressure.effort_steps)
    return Decision(Plan(level, clip.rate, clip.channels, encoders, (LOSSLESS,) * len(encoders)), reason)


def _lossy(
    clip: ClipOrMetadata, prediction: Forecast, policy: Policy, pressure: Pressure, *, levels: range, reason: str
) -> Decision:
    """Choose the first level and format within the policy's bytes per minute, if it has such a limit."""
    budget = policy.max_bytes_per_minute
    smallest: tuple[float, Plan] | None = None
    for level in levels:
        target = formats.QualityTarget(
            floor=_floor(policy, level),
            promised=FLOORS[level],
            effort_steps=pressure.effort_steps,
            dtx=level == MAX_LEVEL,
        )
        for encoder, quality, limited in formats.lossy(clip, prediction, policy, target):
            size = formats.bytes_per_minute(encoder, clip)
            plan = Plan(level, clip.rate, clip.channels, (encoder,), (quality,))
            if budget is None or size <= budget:
                first = smallest is None
                why = _why(prediction.analysis, policy, pressure, level, limited=limited, reason=reason)
                return Decision(plan, why if first else "bytes per minute")
            if smallest is None or size < smallest[0]:
                smallest = size, plan
    assert smallest is not None  # noqa: S101 - there is at least one level and one format; the type checker cannot know
    return Decision(smallest[1], "bytes per minute")


def _from_what_came(decision: Decision, came: float) -> Decision:
    """Lower the predictions of a lossy input by what it had lost before it came with this quality."""
    qualities = tuple(combined(came, quality) for quality in decision.plan.qualities)
    return replace(decision, plan=replace(decision.plan, qualities=qualities, input_quality=came))


def _floor(policy: Policy, level: int) -> float:
    """Lowest allowed predicted mean opinion score, rounded to two decimals like predictions."""
    return round(max(FLOORS[level], policy.min_quality or 0.0), 2)


def _why(analysis: Analysis, policy: Policy, pressure: Pressure, level: int, *, limited: bool, reason: str) -> str:
    """The strongest reason for a plan whose level was not raised by the limit of bytes per minute."""
    floor = _floor(policy, level)
    by_default = reason == "default"
    causes = (
        (reason == "load (level)", reason),
        (analysis.kind == "silence", "silence"),
        (limited, "format limit"),
        (pressure.effort_steps > 0, "load (effort)"),
        (floor > FLOORS[level], "policy quality"),
        (by_default and formats.keeps_tones(analysis), "tones"),
        (by_default and not policy.accepts(OPUS), "policy accept"),
    )
    return next((cause for holds, cause in causes if holds), reason)
