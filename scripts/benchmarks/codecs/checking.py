"""Checks a quality model on recordings that it was not fitted on."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.benchmarks.codecs.examples import Example
from scripts.training.fitting import setting_of
from streams.compression.forecast import Forecast
from streams.compression.quality import Model


@dataclass(frozen=True, slots=True)
class Check:
    """The summary of some examples.

    Attributes:
        group: What they have in common.
        count: Number of examples.
        error: Mean absolute difference of prediction and PESQ.
        bias: Mean of the prediction less PESQ.
        mean: Mean of PESQ.
        p10: Tenth percentile of PESQ.
        ratio: Size as linear samples over size of the files.
    """

    group: str
    count: int
    error: float
    bias: float
    mean: float
    p10: float
    ratio: float


def check(model: Model, examples: Iterable[Example], group_of: Callable[[Example], str]) -> list[Check]:
    """Compare predictions with scores, group by group, in the groups' order."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[group_of(example)].append(example)
    return [_check(model, group, found) for group, found in sorted(groups.items())]


def language(example: Example) -> str:
    """Group examples by the prompt's language: the first part of its name."""
    return example.name.split("/", 1)[0]


def codec(example: Example) -> str:
    """Group examples by content and codec."""
    return f"{example.kind}, {example.encoder.codec}"


def bitrate(example: Example) -> str:
    """Group examples of Opus for speech by bit rate."""
    return f"{setting_of(example.encoder):6.0f} bit/s"


def _check(model: Model, group: str, examples: Sequence[Example]) -> Check:
    scores = np.array([example.score for example in examples])
    predicted = np.array([Forecast(model, 8000, 1, found.analysis).quality(found.encoder) for found in examples])
    return Check(
        group,
        len(examples),
        float(np.mean(np.abs(predicted - scores))),
        float(np.mean(predicted - scores)),
        float(np.mean(scores)),
        float(np.percentile(scores, 10)),
        sum(found.bytes_in for found in examples) / sum(found.bytes_out for found in examples),
    )
