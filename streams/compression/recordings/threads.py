"""Runs the chunks of a recording in a number of threads that may change while it runs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future

from streams.codecs.recordings import RunChunks
from streams.codecs.recordings.base import Chunk, Piece


def in_threads(executor: Executor, helpers: Callable[[], int]) -> RunChunks:
    """Return a `RunChunks` that runs jobs in an executor's threads, and in the caller's where none of these is free.

    At most one chunk more than there are helpers is held at any time, coded or not. All that run are waited for when
    it ends, also by an error.

    Args:
        executor: Its threads.
        helpers: Returns how many of its threads may help now; asked before each chunk. With 0, the caller does all.
    """

    def run(job: Callable[[Chunk], Piece], chunks: Iterable[Chunk], /) -> Iterator[Piece]:
        waiting: deque[Future[Piece]] = deque()
        try:
            for chunk in chunks:
                if helpers() > 0:
                    waiting.append(executor.submit(job, chunk))
                else:
                    waiting.append(_done(job(chunk)))
                while waiting and (waiting[0].done() or len(waiting) > helpers()):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                if not each.cancel():
                    each.exception()

    return run


def _done(piece: Piece) -> "Future[Piece]":
    future: Future[Piece] = Future()
    future.set_result(piece)
    return future
