"""One pool thread at a time in the interpreter."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds that a thread waits for its turn: far longer than a segment's work in Python takes.
PATIENCE = 0.05


class Turn:
    """Lets threads work in Python one after the other, instead of all at once.

    The interpreter's lock changes hands at every call that releases it, dozens of times for each clip, and whoever
    waits is put to sleep and woken each time. A turn changes hands once.

    It saves time and promises nothing: a thread that has waited for `PATIENCE` goes ahead, and those that come later
    queue behind it, not behind whoever is late. So no clip stops the others, whatever it does.
    """

    def __init__(self) -> None:
        self._latest = threading.Lock()
        self._held = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Work in Python. Not reentrant."""
        self._take()
        try:
            yield
        finally:
            self._held.lock.release()

    @contextmanager
    def left(self, *, when: bool = True) -> Iterator[None]:
        """Within `taken`, let others have the turn: for what takes long and needs no interpreter.

        Args:
            when: Whether it takes long enough; otherwise the turn is kept.
        """
        if when:
            self._held.lock.release()
        try:
            yield
        finally:
            if when:
                self._take()

    def _take(self) -> None:
        lock = self._latest
        if not lock.acquire(timeout=PATIENCE):
            lock = threading.Lock()
            lock.acquire()
            self._latest = lock
        self._held.lock = lock
