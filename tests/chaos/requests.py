"""Which requests a client sends, seen in the bytes that it sends. Pure."""

from collections.abc import Iterator

#: Kafka's numbers of requests (https://kafka.apache.org/protocol#protocol_api_keys).
METADATA = 3
OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, SYNC_GROUP = 9, 10, 11, 12, 14
API_VERSIONS = 18
INIT_PRODUCER_ID = 22
#: What a member of a group asks of its coordinator, and who that is.
COORDINATION = (FIND_COORDINATOR, JOIN_GROUP, SYNC_GROUP, HEARTBEAT, OFFSET_FETCH)

_SIZE_BYTES, _HEAD_BYTES = 4, 6  # the request's size, and the number of its kind behind it


class RequestKinds:
    """Follows one connection from its beginning."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # of the request under way

    def feed(self, data: bytes) -> Iterator[int]:
        """Take the bytes that come next; yields the number of each request that begins in them."""
        at = 0
        while at < len(data):
            if self._left:
                skipped = min(self._left, len(data) - at)
                self._left -= skipped
                at += skipped
                continue
            taken = data[at : at + _HEAD_BYTES - len(self._head)]
            self._head += taken
            at += len(taken)
            if len(self._head) == _HEAD_BYTES:
                yield int.from_bytes(self._head[_SIZE_BYTES:])
                self._left = int.from_bytes(self._head[:_SIZE_BYTES]) - (_HEAD_BYTES - _SIZE_BYTES)
                self._head = b""
