"""Recognises a client's requests in the bytes that it sends. Pure."""

from collections.abc import Iterator

#: Kafka's API keys (https://kafka.apache.org/protocol#protocol_api_keys).
PRODUCE = 0
METADATA = 3
OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, SYNC_GROUP = 9, 10, 11, 12, 14
API_VERSIONS = 18
INIT_PRODUCER_ID, TXN_OFFSET_COMMIT = 22, 28
#: Kafka has one API key for both kinds of coordinator; this number stands for the transaction coordinator.
FIND_TRANSACTION_COORDINATOR = -10
#: Requests of a group member to its coordinator, and the request that finds it.
COORDINATION = (FIND_COORDINATOR, JOIN_GROUP, SYNC_GROUP, HEARTBEAT, OFFSET_FETCH)

_SIZE_BYTES, _HEAD_BYTES = 4, 8  # the request's size; then its API key and version
#: Versions of FindCoordinator in which the last byte is the kind of coordinator.
_TELLING = (1, 2)


class RequestKinds:
    """Parses the requests of one connection from its beginning."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # remaining bytes of the current request
        self._last = 0
        self._kind = self._version = -1

    def feed(self, data: bytes) -> Iterator[int]:
        """Parse the next bytes; yields the API key of each request as soon as it is known."""
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
