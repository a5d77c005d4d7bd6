"""G.711 compared with the standard's own numbers and Python's former audioop module."""

import warnings
from types import ModuleType

import numpy as np
import pytest

from streams.audio import g711

ALL_CODES = np.arange(256, dtype=np.uint8)
ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)


def audioop() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module: ModuleType = pytest.importorskip("audioop")
        return module


def from_pcm(law: g711.Law, reference: ModuleType) -> bytes:
    encode = reference.lin2ulaw if law == "pcmu" else reference.lin2alaw
    return bytes(encode(ALL_SAMPLES.tobytes(), 2))


def to_pcm(law: g711.Law, reference: ModuleType) -> bytes:
    decode = reference.ulaw2lin if law == "pcmu" else reference.alaw2lin
    return bytes(decode(ALL_CODES.tobytes(), 2))


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_is_bit_exact(law: g711.Law) -> None:
    reference = audioop()

    assert g711.decode(ALL_CODES, law).tobytes() == to_pcm(law, reference)
    assert g711.encode(ALL_SAMPLES, law).tobytes() == from_pcm(law, reference)


@pytest.mark.parametrize(
    ("law", "codes", "samples"),
    [
        ("pcmu", [0xFF, 0x7F, 0x80, 0x00, 0xF0, 0x8F], [0, 0, 32124, -32124, 120, 16764]),
        ("pcma", [0xD5, 0x55, 0xAA, 0x2A, 0x80], [8, -8, 32256, -32256, 5504]),
    ],
)
def test_decodes_known_codes(law: g711.Law, codes: list[int], samples: list[int]) -> None:
    assert g711.decode(np.array(codes, np.uint8), law).tolist() == samples


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_decoded_values_survive_another_round(law: g711.Law) -> None:
    samples = g711.decode(ALL_CODES, law)

    assert np.array_equal(g711.decode(g711.encode(samples, law), law), samples)


def test_keeps_the_shape() -> None:
    stereo = ALL_SAMPLES.reshape(-1, 2)

    assert g711.decode(g711.encode(stereo, "pcma"), "pcma").shape == stereo.shape
