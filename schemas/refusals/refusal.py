"""What is told about one code of a `Rejection`."""

from dataclasses import dataclass
from typing import Literal

from schemas.rejection import Stage

#: What is refused: an input, which becomes a dead letter; a hotel's policy, which is logged; or a record of the results
#: that is none, which a consumer's client reports.
Subject = Literal["input", "policy", "result"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One code.

    Attributes:
        code: The code, as `Rejection.code`, in the dead letter and in metrics.
        stage: The step that refuses, as `Rejection.stage`.
        field: What a rejection with this code names as its field.
        rule: The rule that was broken.
        remedy: What the sender does.
        subject: What is refused.
    """

    code: str
    stage: Stage
    field: str
    rule: str
    remedy: str
    subject: Subject = "input"
