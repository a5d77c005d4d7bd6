"""Finalized features of a cluster, which are in the tagged fields of a response."""

from io import BytesIO

import pytest

from streams.kafka.protocol.api_versions import ApiVersionsResponse

#: No error; one request, Produce (0), in versions 0 to 12; no throttling. Counts are one too high, as Kafka lays them.
_HEAD = bytes.fromhex("0000 02 0000 0000 000c 00 00000000")
_NAME = b"transaction.version"
#: Each tagged field: its number, its length, its content. What brokers support is not what they have agreed on.
_SUPPORTED = bytes([0, 26, 2, 20]) + _NAME + bytes.fromhex("0000 0002 00")
_EPOCH = bytes([1, 8]) + (7).to_bytes(8, "big")


def agreed(version: int) -> bytes:
    """The tagged field of the finalized features, with one feature and its highest and lowest level."""
    return bytes([2, 26, 2, 20]) + _NAME + version.to_bytes(2, "big") * 2 + bytes(1)


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ([_SUPPORTED, _EPOCH, agreed(2)], 2),
        ([_SUPPORTED, _EPOCH, agreed(1)], 1),
        ([_SUPPORTED, _EPOCH], 0),
        ([], 0),
    ],
    ids=["version 2", "version 1", "none agreed on", "no features at all"],
)
def test_the_version_agreed_on_is_told_from_what_is_supported(fields: list[bytes], version: int) -> None:
    answer = ApiVersionsResponse.decode(BytesIO(_HEAD + bytes([len(fields)]) + b"".join(fields)))
    assert answer.finalized("transaction.version") == version
    assert answer.finalized("another.feature") == 0
