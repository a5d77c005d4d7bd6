"""The catalogue entry of one code of `Rejection`."""

from dataclasses import dataclass
from typing import Literal

from schemas.rejection import Stage

#: What is refused: an input, which becomes a dead letter; a hotel's policy, which is logged; or an invalid record of
#: the results' topic, which a consumer's client reports.
Subject = Literal["input", "policy", "result"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One code, its meaning and its remedy.

    Attributes:
        code: The code, as in `Rejection.code`, dead letters and metrics.
        stage: The step that refuses, as in `Rejection.stage`.
        field: The field of rejections with this code, in Markdown.
        rule: The broken rule.
        remedy: What the sender should do.
        subject: What is refused.
    """

    code: str
    stage: Stage
    field: str
    rule: str
    remedy: str
    subject: Subject = "input"
