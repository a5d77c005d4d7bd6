"""A lock that lets one pool thread at a time run Python code."""

import threading

#: Seconds that a thread waits for the gate: far longer than the Python part of a record takes.
PATIENCE = 0.05


class InterpreterGate:
    """Lets one pool thread at a time run Python code: ``with gate:``. Not reentrant.

    CPython's global lock changes hands at every call that releases it, dozens of times per record, and each waiting
    thread sleeps and wakes every time. The gate changes hands once per record.

    It only saves time: a thread that has waited `PATIENCE` seconds runs anyway, and later threads queue behind it
    instead of the slow one. So no record can block the others.

    Attributes:
        released: A context manager for use inside the gate, ``with gate.released:``. Other threads run meanwhile. Use
            it around long calls that do not need the interpreter.
    """

    def __init__(self) -> None:
        self._latest = threading.Lock()
        self._held = threading.local()
        self.released = _Released(self)

    def __enter__(self) -> None:
        """Wait for the gate."""
        lock = self._latest
        if not lock.acquire(timeout=PATIENCE):
            lock = threading.Lock()
            lock.acquire()
            self._latest = lock
        self._held.lock = lock

    def __exit__(self, *_: object) -> None:
        """Let the next thread in."""
        self._held.lock.release()


class _Released:
    """Releases the gate on entry, and acquires it again on exit."""

    def __init__(self, gate: InterpreterGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.__exit__()

    def __exit__(self, *_: object) -> None:
        self._gate.__enter__()
