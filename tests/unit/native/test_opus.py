"""The C functions around libopus, compared with their definition: RFC 6716, section 3.2 and appendix B."""

import numpy as np
import pytest

from streams.codecs.libopus import Packets, multiplexed
from streams.native import ffi, lib

MANY = 3
SPEECH = 0x58  # the first byte of a packet of speech, 60 ms, mono


def packets(*bodies: bytes) -> Packets:
    return Packets(np.frombuffer(b"".join(bodies), np.uint8), np.array([len(body) for body in bodies], np.int32))


def packet(length: int, fill: bytes = b"a", first: int = SPEECH) -> bytes:
    return bytes([first]) + fill * length


def test_packets_of_one_stream_stay_as_they_are() -> None:
    bodies = [packet(5), packet(1275), packet(1), packet(9, first=SPEECH | MANY)]
    assert multiplexed([packets(*bodies)], 4) == bodies
    assert multiplexed([packets(*bodies)], 2) == bodies[:2]


@pytest.mark.parametrize(
    ("length", "coded"), [(1, [2]), (250, [251]), (251, [252, 0]), (252, [253, 0]), (255, [252, 1]), (1274, [255, 255])]
)
def test_the_first_of_two_streams_has_its_size_and_a_zero(length: int, coded: list[int]) -> None:
    left, right = packet(length), packet(300, b"b")
    assert multiplexed([packets(left, left), packets(right, packet(3))], 2) == [
        bytes([SPEECH, *coded]) + left[1:] + b"\0" + right,
        bytes([SPEECH, *coded]) + left[1:] + b"\0" + packet(3),
    ]


def test_several_frames_have_the_size_of_the_last_one_as_well() -> None:
    differing = bytes([SPEECH | MANY, 0x83, 2, 252, 1, *b"aa"]) + b"b" * 256 + b"cccc"
    alike = bytes([SPEECH | MANY, 3, *b"aabbcc"])
    assert multiplexed([packets(differing, alike), packets(packet(3), packet(3))], 2) == [
        differing[:5] + bytes([4]) + differing[5:] + packet(3),
        alike[:2] + bytes([2]) + alike[2:] + packet(3),
    ]


def test_omitted_silence_gets_a_byte_that_is_ignored() -> None:
    assert multiplexed([packets(packet(0), packet(5))], 2) == [packet(0) + b"#", packet(5)]
    assert multiplexed([packets(packet(0)), packets(packet(0))], 1) == [
        bytes([SPEECH | MANY, 0x41, 2, 1, *b"#", 0, 0]) + packet(0) + b"#"
    ]


def test_mean_squares_do_not_overflow() -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, (5, 480)).astype(np.int16)
    samples[0] = -32768
    powers = np.empty(5)
    lib.mean_squares(ffi.from_buffer("int16_t[]", samples), 480, 5, ffi.from_buffer("double[]", powers))
    assert powers == pytest.approx((samples.astype(np.float64) ** 2).mean(axis=1))
