"""The reason why an input was refused, as a value."""

from dataclasses import dataclass
from typing import Literal

Stage = Literal["record", "contract", "decode", "compress"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one input cannot be served, told to its sender.

    Rejections are returned, never raised: bad input is an expected outcome. Only bugs and broken
    infrastructure raise.

    Attributes:
        stage: The step that refused: ``record`` (as Kafka lays it out), ``contract`` (headers, key, sizes), ``decode``
            (the audio bytes) or ``compress``.
        code: Stable CamelCase name of the kind of error, for counting and filtering, such as
            ``MissingHeader``.
        field: What the sender has to change: a header's name, ``key`` or ``value``.
        reason: The rule that was broken and what would satisfy it, in one line.
    """

    stage: Stage
    code: str
    field: str
    reason: str

    @property
    def message(self) -> str:
        """Field and rule in one line, as dead letters carry it."""
        return f"{self.field}: {self.reason}"
