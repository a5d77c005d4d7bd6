"""Threads that leave the processor to others."""

import contextlib
import os
import threading

#: Of a thread that works on recordings, on top of the process's own; live segments come first.
_NICENESS = 10


def yield_to_others() -> None:
    """Lower the priority of the calling thread: on Linux, each thread has its own."""
    with contextlib.suppress(OSError):  # what the system does not allow is slower for live segments, and no failure
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
