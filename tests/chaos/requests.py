"""Which requests a client sends, seen in the bytes that it sends. Pure."""

from collections.abc import Iterator

#: Kafka's numbers of requests (https://kafka.apache.org/protocol#protocol_api_keys).
PRODUCE = 0
METADATA = 3
OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, SYNC_GROUP = 9, 10, 11, 12, 14
API_VERSIONS = 18
INIT_PRODUCER_ID, TXN_OFFSET_COMMIT = 22, 28
#: Kafka has one number for both questions; here this one is for who coordinates a producer's transactions.
FIND_TRANSACTION_COORDINATOR = -10
#: What a member of a group asks of its coordinator, and who that is.
COORDINATION = (FIND_COORDINATOR, JOIN_GROUP, SYNC_GROUP, HEARTBEAT, OFFSET_FETCH)

_SIZE_BYTES, _HEAD_BYTES = 4, 8  # the request's size; number and version of its kind behind it
#: Versions of FindCoordinator in which the last byte says what is looked for.
_TELLING = (1, 2)


class RequestKinds:
    """Follows one connection from its beginning."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # bytes of the request under way
        self._last = 0
        self._kind = self._version = -1

    def feed(self, data: bytes) -> Iterator[int]:
        """Take the bytes that come next; yields the number of each request, as soon as it can be told."""
        at = 0
        while at < len(data):
            if self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
                self._last = data[at - 1]
                if not self._left and self._kind == FIND_COORDINATOR:
                    yield self._looked_for()
                continue
            part = data[at : at + _HEAD_BYTES - len(self._head)]
            self._head += part
            at += len(part)
            if len(self._head) == _HEAD_BYTES:
                size = int.from_bytes(self._head[:_SIZE_BYTES])
                self._kind, self._version = (int.from_bytes(self._head[begin : begin + 2]) for begin in (4, 6))
                self._left = size - (_HEAD_BYTES - _SIZE_BYTES)
                self._head = b""
                if self._kind != FIND_COORDINATOR:
                    yield self._kind

    def _looked_for(self) -> int:
        of_transactions = self._version in _TELLING and self._last == 1
        return FIND_TRANSACTION_COORDINATOR if of_transactions else FIND_COORDINATOR
