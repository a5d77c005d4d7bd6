"""What a policy would change, judged by the results of a hotel's last hour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.policy import MOST_COMPRESSED_LOSSLESS, Policy
from streams.console.recordings import Segment
from streams.console.words import count_words, size_words

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change: a summary, and a sentence for each kind of change."""

    summary: str
    changes: tuple[str, ...]


def preview(policy: Policy, segments: Sequence[Segment]) -> Preview:
    """What a policy would change.

    Args:
        policy: The new policy.
        segments: What the hotel sent in the last hour; those without a result do not count.
    """
    done = [one for one in segments if one.level is not None]
    if not done:
        return Preview(
            "Nothing was compressed for this hotel in the last hour, so there is nothing to compare with.", ()
        )
    sentences = ((sum(map(applies, done)), words) for applies, words in _rules(policy))
    changes = tuple(f"{count_words(number, 'result')} {words}." for number, words in sentences if number)
    total = count_words(len(done), "result")
    if not changes:
        return Preview(f"None of {total} in the last hour breaks these rules: they would stay as they are.", ())
    return Preview(f"Of {total} in the last hour, some would differ:", changes)


def _rules(policy: Policy) -> tuple[tuple[Callable[[Segment], bool], str], ...]:
    """What a policy has against a result, and what that means."""
    low, high, usual = policy.floor_level, policy.ceiling_level, policy.default_level
    return (
        (
            lambda one: policy.legal_hold and _level(one) > MOST_COMPRESSED_LOSSLESS,
            "would be kept without loss: larger",
        ),
        (lambda one: _level(one) > high, f"have a level above {high}: they would be larger, and better"),
        (lambda one: _level(one) < low, f"have a level below {low}: they would be smaller"),
        (lambda one: not policy.accepts(one.after_type), "are in a format that would not be accepted any more"),
        (
            lambda one: policy.min_quality is not None and (one.quality or 0) < policy.min_quality,
            f"are predicted below a quality of {policy.min_quality}: they would be larger, and better",
        ),
        (
            lambda one: _exceeds(one, policy.max_bytes_per_minute),
            f"take more than {size_words(policy.max_bytes_per_minute)} a minute: smaller, as far as the levels allow",
        ),
        (
            lambda one: one.reason == "default" and low <= _level(one) <= high and _level(one) != usual,
            f"have the level of hotels without a policy: they would begin at level {usual}",
        ),
    )


def _level(segment: Segment) -> int:
    return segment.level or 0


def _exceeds(segment: Segment, most: int | None) -> bool:
    if most is None or not segment.duration_ms or segment.after is None:
        return False
    return segment.after * _MINUTE_MS / segment.duration_ms > most
