"""Guarantees of every encoder: deterministic bytes, and profiles that name everything that influences them."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.codecs import DualMonoOpusEncoder, Encoder, FlacEncoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from tests.support.signals import speech

ENCODERS: tuple[Encoder, ...] = (
    DualMonoOpusEncoder(OpusEncoder(9000), OpusEncoder(12_000)),
    DualMonoOpusEncoder(OpusEncoder(12_000), OpusEncoder(9000)),
    FlacEncoder(5),
    FlacEncoder(8),
    Mp3Encoder(24_000),
    OpusEncoder(9000),
    OpusEncoder(7000, effort=3, dtx=True, bandwidth=4000),
    VorbisEncoder(0.3),
    WavEncoder("pcm"),
    WavEncoder("pcma"),
)

_ELSEWHERE = """
import hashlib
from tests.support.signals import speech
from tests.unit.codecs.test_all import ENCODERS
for encoder in ENCODERS:
    print(hashlib.sha256(encoder.encode(speech(1.3, channels=2)).audio).hexdigest())
"""


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_bytes_are_the_same_in_all_threads(encoder: Encoder, rate: int) -> None:
    clips = [speech(0.3, rate, 2, seed) for seed in range(6)]

    alone = [encoder.encode(clip).audio for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = [encoded.audio for encoded in pool.map(encoder.encode, clips * 3)]

    assert together == alone * 3


def test_bytes_are_the_same_in_all_processes() -> None:
    here = [hashlib.sha256(encoder.encode(speech(1.3, channels=2)).audio).hexdigest() for encoder in ENCODERS]

    there = subprocess.run([sys.executable, "-c", _ELSEWHERE], capture_output=True, text=True, check=True)

    assert there.stdout.split() == here


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_names_its_library_in_its_profile(encoder: Encoder) -> None:
    encoded = encoder.encode(speech(0.1, channels=2))

    assert encoded.codec == encoder.codec
    assert encoded.encoder in encoder.profile


def test_profiles_differ() -> None:
    assert len({encoder.profile for encoder in ENCODERS}) == len(ENCODERS)
