"""The bytes of audio that requests hold at a time: what does not fit is refused at once, and asked for again later."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import Scope

#: Bytes for all requests together. What the Kafka client holds of them comes on top, as much again at most.
LIMIT = 32 * 2**20
_HELD = "audio.held"  # in a request's scope: the bytes that it holds


class Memory:
    """Counts the bytes of audio that requests hold.

    Args:
        limit: Bytes of all requests, at most.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._free = limit

    @property
    def free(self) -> int:
        """Bytes that may be held still."""
        return self._free

    def hold(self, scope: Scope, size: int) -> None:
        """Let a request hold some bytes, until it ends or gives them back.

        Args:
            scope: The request's scope.
            size: Their number.

        Raises:
            HTTPException: 503, if others hold too many.
        """
        if size > self._free:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too much audio is on its way; try again.", {"Retry-After": "1"}
            )
        self._free -= size
        scope[_HELD] = scope.get(_HELD, 0) + size

    def give_back(self, scope: Scope) -> None:
        """Take back what a request holds."""
        self._free += scope.pop(_HELD, 0)
