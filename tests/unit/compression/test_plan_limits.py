"""A hotel's policy limits quality and size: the plan respects the limits, and its reason names them."""

import pytest

from streams.compression import Policy
from streams.compression.plan import FLOORS
from tests.support.plans import MOST, analysed, decide, opus


@pytest.mark.parametrize("level", [3, 4, 5])
def test_the_policys_quality_is_a_floor(level: int) -> None:
    decision = decide(Policy(1, min_quality=4.3), fixed=level)

    assert decision.plan.qualities[0] >= 4.3
    assert decision.reason == "policy quality"
    assert decide(Policy(1, min_quality=2.0), fixed=level).plan == decide(fixed=level).plan


@pytest.mark.parametrize("policy", [Policy(1, accept=("audio/ogg;codecs=vorbis",)), Policy(1, min_quality=4.54)])
def test_a_format_that_cannot_keep_the_floor_says_so(policy: Policy) -> None:
    best = decide(policy, analysed(level_dbfs=-45.0, activity=0.5))

    assert best.plan.qualities[0] < max(FLOORS[3], policy.min_quality or 0.0)
    assert best.reason == "format limit"


def test_floors_are_compared_as_predictions_are_rounded() -> None:
    for thousandths in range(4250, 4300, 3):
        decision = decide(Policy(1, min_quality=thousandths / 1000), pressure=MOST, fixed=3)
        assert decision.reason == "load (effort)"
        assert decision.plan.qualities[0] >= round(thousandths / 1000, 2)


def minute(bits_per_second: int) -> int:
    return bits_per_second * 60 // 8


def test_bytes_per_minute_raise_the_level() -> None:
    usual = [opus(decide(fixed=level)).bitrate for level in (3, 4, 5)]

    for limit, level in [(usual[0], 3), (usual[1], 4), (usual[2], 5), (usual[2] - 1000, 5)]:
        decision = decide(Policy(1, max_bytes_per_minute=minute(limit)))
        assert decision.plan.level == level
        assert decision.reason == ("default" if level == 3 else "bytes per minute")
    assert decide(Policy(1, ceiling_level=4, max_bytes_per_minute=minute(usual[2]))).plan.level == 4
    assert decide(Policy(1, max_bytes_per_minute=minute(usual[2])), fixed=3).plan.level == 3
    assert decide(Policy(1, max_bytes_per_minute=minute(usual[2]), legal_hold=True)).plan.level == 2


def test_bytes_per_minute_prefer_another_accepted_type_to_another_level() -> None:
    policy = Policy(1, accept=("audio/wav", "audio/mpeg", "audio/ogg"), max_bytes_per_minute=minute(14_000))

    decision = decide(policy)

    assert (decision.plan.level, decision.plan.codec, decision.reason) == (3, "opus", "bytes per minute")
