"""The kinds of requests are found wherever the bytes are cut into pieces."""

import pytest

from tests.chaos.requests import (
    FIND_COORDINATOR,
    FIND_TRANSACTION_COORDINATOR,
    HEARTBEAT,
    METADATA,
    OFFSET_FETCH,
    RequestKinds,
)


def request(kind: int, body: bytes = b"\x00\x01" + b"body") -> bytes:
    content = kind.to_bytes(2) + body
    return len(content).to_bytes(4) + content


FIND = [request(FIND_COORDINATOR, b"\0\x01" + b"name" + kind) for kind in (b"\0", b"\x01")]
STREAM = request(METADATA) + FIND[1] + request(HEARTBEAT, b"\0\x01") + FIND[0] + request(OFFSET_FETCH, bytes(70_000))
KINDS = [METADATA, FIND_TRANSACTION_COORDINATOR, HEARTBEAT, FIND_COORDINATOR, OFFSET_FETCH]


@pytest.mark.parametrize("size", [1, 5, 6, 7, 13, 1000, len(STREAM)])
def test_every_request_is_told_once(size: int) -> None:
    kinds = RequestKinds()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]

    assert [kind for piece in pieces for kind in kinds.feed(piece)] == KINDS


def test_a_request_is_told_as_soon_as_its_head_is_there() -> None:
    kinds = RequestKinds()

    assert list(kinds.feed(STREAM[:7])) == []
    assert list(kinds.feed(STREAM[7:8])) == [METADATA]
