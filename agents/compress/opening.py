"""Opens inputs that their senders have sealed."""

from dataclasses import dataclass

from schemas import Record, Rejection
from schemas import headers as h
from streams.runtime.sealing import RecordSealer
from streams.runtime.wiring import Runtime
from streams.security.sealing.sealed_record import is_sealed

_REQUIRED = Rejection(
    "open",
    "SealedInputRequired",
    h.SEAL,
    "is missing, and this installation takes no audio that its sender has not sealed",
)


@dataclass(frozen=True)
class InputOpener:
    """Opens inputs, in threads.

    Attributes:
        sealer: Has the keys.
        required: Whether inputs in clear are refused.
        patience: Seconds to wait for keys that cannot be read now. Afterwards the input becomes a dead letter.
    """

    sealer: RecordSealer
    required: bool
    patience: float

    @classmethod
    def of(cls, runtime: Runtime) -> "InputOpener":
        """The opener of a worker."""
        settings = runtime.settings
        return cls(runtime.sealer, settings.requires_sealed_input, settings.processing_timeout / 2)

    def open(self, record: Record) -> Record | Rejection:
        """The input as its sender made it."""
        if self.required and not is_sealed(record):
            return _REQUIRED
        return self.sealer.opened(record, self.patience)
