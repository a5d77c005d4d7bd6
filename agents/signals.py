"""What asks a worker to stop, from its first moment on."""

import os
import signal
from collections.abc import Callable
from typing import Protocol


class Loop(Protocol):
    """The part of an event loop that takes signals."""

    def add_signal_handler(self, sig: int, callback: Callable[[], object], /) -> None:
        """Call back, from the loop, when the signal comes."""


def stop_signals() -> list[signal.Signals]:
    """The signals that end a worker in good order.

    SIGHUP is one of them, unless it is ignored: ``nohup`` does that, so that a worker outlives its terminal.
    """
    signals = [signal.SIGTERM, signal.SIGINT]
    return signals if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*signals, signal.SIGHUP]


def exit_on_stop_signal() -> None:
    """Let those signals end the process at once, with exit code 0: as long as it has done nothing yet.

    Where whoever started the process has blocked them, so that none is lost while the interpreter starts, they are let
    through now.
    """
    for number in stop_signals():
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])


def call_on_stop_signal(loop: Loop, stop: Callable[[], object]) -> None:
    """Let those signals call `stop` from the event loop."""
    for number in stop_signals():
        loop.add_signal_handler(number, stop)
