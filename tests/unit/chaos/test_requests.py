"""The kinds of requests are found wherever the bytes are cut into pieces."""

import pytest

from tests.chaos.requests import HEARTBEAT, METADATA, OFFSET_FETCH, RequestKinds


def request(kind: int, body: bytes = b"\x00\x01" + b"body") -> bytes:
    content = kind.to_bytes(2) + body
    return len(content).to_bytes(4) + content


STREAM = request(METADATA) + request(HEARTBEAT, b"") + request(OFFSET_FETCH, bytes(70_000))


@pytest.mark.parametrize("size", [1, 5, 6, 7, 13, 1000, len(STREAM)])
def test_every_request_is_told_once(size: int) -> None:
    kinds = RequestKinds()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]

    assert [kind for piece in pieces for kind in kinds.feed(piece)] == [METADATA, HEARTBEAT, OFFSET_FETCH]


def test_a_request_is_told_as_soon_as_its_head_is_there() -> None:
    kinds = RequestKinds()

    assert list(kinds.feed(STREAM[:5])) == []
    assert list(kinds.feed(STREAM[5:6])) == [METADATA]
