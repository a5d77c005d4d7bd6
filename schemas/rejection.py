"""The reason why an input is refused, as a value."""

from dataclasses import dataclass
from typing import Literal

Stage = Literal["record", "open", "contract", "fetch", "decode", "compress"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason why one input is refused, for its sender.

    Rejections are returned, never raised: bad input is an expected outcome. Only bugs and broken infrastructure raise.

    Attributes:
        stage: The step that refused the input: ``record`` (Kafka's record format), ``open`` (a sealed record or
            object), ``contract`` (headers, key, sizes), ``fetch`` (the object that a reference names), ``decode`` (the
            audio bytes) or ``compress``.
        code: Stable CamelCase name of the kind of error, for counting and filtering, such as ``MissingHeader``.
        field: What the sender has to change: a header's name, ``key`` or ``value``.
        reason: The broken rule and how to satisfy it, in one line.
    """

    stage: Stage
    code: str
    field: str
    reason: str

    @property
    def message(self) -> str:
        """Field and reason in one line, as in the headers of dead letters."""
        return f"{self.field}: {self.reason}"
