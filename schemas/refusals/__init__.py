"""Every code of a `Rejection`: what it means and what the sender does about it. docs/REFUSALS.md is written from it."""

from schemas.refusals.audio import AUDIO, PYTHON_ERROR
from schemas.refusals.contract import CONTRACT
from schemas.refusals.record import RECORD
from schemas.refusals.refusal import Refusal, Subject

__all__ = ["CATALOGUE", "PYTHON_ERROR", "Refusal", "Subject"]

#: The name of a Python error is a code as well, of an error of ours: `PYTHON_ERROR` says what it means.
CATALOGUE: tuple[Refusal, ...] = RECORD + CONTRACT + AUDIO
