"""What one record becomes, without Kafka around it."""

import time
from pathlib import Path

import pytest

from agents.compress import Compressor, Parts
from schemas import MediaType, Position, Record, Rejection
from streams.audio import Clip, decode
from streams.cache import Lifetime, TieredCache
from streams.compression import DEFAULT_POLICY, LoadGovernor
from streams.delivery.outcome import Input
from streams.metrics import Metrics
from streams.metrics.tally import Tally
from streams.settings import Settings
from tests.chaos.damage import with_header
from tests.chaos.sounds import sample
from tests.chaos.workload import segment

#: By what is special about it: sound, its label if that is wrong, and how often it is decoded when it comes four times.
PROMPTS = {
    "raw": ("audio/L16", 2.0, None, 2),
    "file": ("audio/flac", 2.0, None, 2),
    "mislabelled": ("audio/PCMU", 2.0, b"audio/L16;rate=8000;channels=1", 2),
    "kept as it is": ("audio/L16", 0.002, None, 4),
}


def _fail(error: BaseException) -> None:
    raise error


class Desk:
    """A compressor whose decodings are counted."""

    def __init__(self, directory: Path) -> None:
        self.decoded = 0
        cache = TieredCache(10**7, Lifetime(3600), time.time, lambda _reason, _count: None)
        governor = LoadGovernor(60, time.monotonic)
        tally = Tally(Metrics(), late=60)
        parts = Parts(self._decode, lambda _hotel: DEFAULT_POLICY, governor, cache, tally, _fail)
        self.compressor = Compressor("results", "letters", Settings(state_dir=directory), parts)

    def _decode(self, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        self.decoded += 1
        return decode(audio, media_type)


@pytest.mark.parametrize("special", PROMPTS)
def test_a_hit_says_what_a_miss_says_and_needs_no_decoding(special: str, tmp_path: Path) -> None:
    media_type, seconds, label, decodings = PROMPTS[special]
    message = segment(sample(seconds, media_type), "call-1", 0, channel="prompt").message
    if label is not None:
        message = with_header(message, "content-type", label)
    desk = Desk(tmp_path)
    item = Input(Position("in", 0, 7), Record(message.key, message.value, message.headers))
    results = []
    for _ in range(4):
        (output,) = desk.compressor.process(item, lambda _key: None).outputs
        headers = dict(output.record.headers)
        results.append((headers.pop("ce_cache"), headers, output.record.value))
    assert [found for found, _, _ in results] == [b"miss", b"miss", b"hit", b"hit"]
    assert all(result[1:] == results[0][1:] for result in results)
    assert desk.decoded == decodings
