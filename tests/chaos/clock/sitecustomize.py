"""Shifts the clock of a Python process: the interpreter imports this file first if its directory is in PYTHONPATH."""

import os
import time

#: Seconds by which the clock is ahead; negative if it is behind.
VARIABLE = "CLOCK_AHEAD_S"

_AHEAD_NS = int(float(os.environ.get(VARIABLE, "0")) * 1e9)
_right_ns = time.time_ns


def _wrong_ns() -> int:
    return _right_ns() + _AHEAD_NS


def _wrong() -> float:
    return _wrong_ns() / 1e9


time.time, time.time_ns = _wrong, _wrong_ns
