"""One pool thread at a time in the interpreter."""

import threading

#: Seconds that a thread waits for its turn: far longer than a segment's work in Python takes.
PATIENCE = 0.05


class Turn:
    """Lets threads work in Python one after the other, instead of all at once: ``with turn:``. Not reentrant.

    The interpreter's lock changes hands at every call that releases it, dozens of times for each clip, and whoever
    waits is put to sleep and woken each time. A turn changes hands once.

    It saves time and promises nothing: a thread that has waited for `PATIENCE` goes ahead, and those that come later
    queue behind it, not behind whoever is late. So no clip stops the others, whatever it does.

    Attributes:
        left: For use within it, ``with turn.left:``: others have the turn meanwhile. For what takes long and needs no
            interpreter.
    """

    def __init__(self) -> None:
        self._latest = threading.Lock()
        self._held = threading.local()
        self.left = _Left(self)

    def __enter__(self) -> None:
        """Wait for the turn."""
        lock = self._latest
        if not lock.acquire(timeout=PATIENCE):
            lock = threading.Lock()
            lock.acquire()
            self._latest = lock
        self._held.lock = lock

    def __exit__(self, *_: object) -> None:
        """Give it to the next thread."""
        self._held.lock.release()


class _Left:
    """The time in which a thread has left its turn to others."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    def __enter__(self) -> None:
        self._turn.__exit__()

    def __exit__(self, *_: object) -> None:
        self._turn.__enter__()
