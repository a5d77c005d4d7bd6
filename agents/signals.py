"""The signals that stop a worker, handled from its start on."""

import os
import signal
from collections.abc import Callable
from typing import Protocol


class Loop(Protocol):
    """The part of an event loop that handles signals."""

    def add_signal_handler(self, sig: int, callback: Callable[[], object], /) -> None:
        """Call back from the loop when the signal arrives."""


def stop_signals() -> list[signal.Signals]:
    """The signals that stop a worker in an orderly way.

    SIGHUP is one of them unless it is ignored, as with ``nohup``, which lets a worker outlive its terminal.
    """
    signals = [signal.SIGTERM, signal.SIGINT]
    return signals if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*signals, signal.SIGHUP]


def exit_on_stop_signal() -> None:
    """Make the stop signals end the process at once with exit code 0; for the time before it does any work.

    The signals are also unblocked: the parent process may have blocked them so that none is lost while the interpreter
    starts.
    """
    for number in stop_signals():
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])


def call_on_stop_signal(loop: Loop, stop: Callable[[], object]) -> None:
    """Make the stop signals call `stop` from the event loop."""
    for number in stop_signals():
        loop.add_signal_handler(number, stop)
