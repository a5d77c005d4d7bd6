"""Catalogue of the codes of `Rejection`: what each means and what the sender should do. Source of docs/REFUSALS.md."""

from schemas.refusals.audio import AUDIO, PYTHON_ERROR
from schemas.refusals.contract import CONTRACT
from schemas.refusals.objects import OBJECTS
from schemas.refusals.record import RECORD
from schemas.refusals.refusal import Refusal, Subject
from schemas.refusals.sealing import SEALING

__all__ = ["CATALOGUE", "PYTHON_ERROR", "Refusal", "Subject"]

#: The code may also be the name of a Python exception, after a bug of this product: `PYTHON_ERROR` describes that case.
CATALOGUE: tuple[Refusal, ...] = RECORD + SEALING + CONTRACT + OBJECTS + AUDIO
