"""The C functions around libopus, compared with their definition: RFC 6716, section 3.2, for joined packets."""

import numpy as np
import pytest

from streams.codecs.libopus import Packets, joined
from streams.native import ffi, lib

ONE_FRAME, TWO_EQUAL, TWO = 0, 1, 2
SPEECH = 0x58  # the first byte of a packet of speech, 60 ms, mono


def packets(*bodies: bytes) -> Packets:
    return Packets(np.frombuffer(b"".join(bodies), np.uint8), np.array([len(body) for body in bodies], np.int32))


def packet(length: int, fill: bytes = b"a", first: int = SPEECH | ONE_FRAME) -> bytes:
    return bytes([first]) + fill * length


@pytest.mark.parametrize("length", [2, 40, 1275])
def test_two_of_one_size_need_no_length(length: int) -> None:
    bodies, ends = joined(packets(packet(length), packet(length, b"b"), packet(3)), 3)
    assert bodies == [bytes([SPEECH | TWO_EQUAL]) + b"a" * length + b"b" * length, packet(3)]
    assert ends == [2, 3]


@pytest.mark.parametrize(
    ("length", "coded"), [(2, [2]), (251, [251]), (252, [252, 0]), (253, [253, 0]), (256, [252, 1]), (1275, [255, 255])]
)
def test_the_length_of_the_first_of_two(length: int, coded: list[int]) -> None:
    bodies, ends = joined(packets(packet(length), packet(7, b"b"), packet(3)), 3)
    assert bodies == [bytes([SPEECH | TWO, *coded]) + b"a" * length + b"b" * 7, packet(3)]
    assert ends == [2, 3]


@pytest.mark.parametrize(
    "second",
    [packet(9, first=SPEECH | TWO), packet(9, first=SPEECH ^ 0x80), packet(1)],
    ids=["has two frames already", "of another kind", "left out"],
)
def test_packets_that_cannot_be_joined_stay_single(second: bytes) -> None:
    for pair in ((packet(5), second), (second, packet(5))):
        assert joined(packets(*pair, packet(3)), 3) == ([*pair, packet(3)], [1, 2, 3])


def test_the_last_packet_stays_single() -> None:
    assert joined(packets(packet(5), packet(5), packet(5)), 2) == ([packet(5), packet(5)], [1, 2])


def test_a_packet_of_one_byte_gets_another_that_is_ignored() -> None:
    assert joined(packets(packet(0), packet(5)), 2) == ([packet(0) + b"#", packet(5)], [1, 2])


def test_mean_squares_do_not_overflow() -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, (5, 480)).astype(np.int16)
    samples[0] = -32768
    powers = np.empty(5)
    lib.mean_squares(ffi.from_buffer("int16_t[]", samples), 480, 5, ffi.from_buffer("double[]", powers))
    assert powers == pytest.approx((samples.astype(np.float64) ** 2).mean(axis=1))
