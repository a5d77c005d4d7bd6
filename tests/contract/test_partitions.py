import json
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner, murmur2

from schemas.raw_audio import RawAudio
from schemas.topics import RAW, topic
from tests.contract.test_samples import EVENTS, SAMPLES, sample

KEYS: list[dict[str, Any]] = json.loads((SAMPLES / "partitions.json").read_text(encoding="utf-8"))["keys"]


@pytest.mark.parametrize("vector", KEYS, ids=[vector["key"][:40] or "empty" for vector in KEYS])
def test_our_own_senders_choose_the_published_partitions(vector: dict[str, Any]) -> None:
    key = vector["key"].encode()
    assert murmur2(key) == vector["murmur2"] % 2**32
    for count, partition in vector["partitions"].items():
        assert DefaultPartitioner()(key, list(range(int(count))), []) == partition


def test_the_published_keys_tell_implementations_apart() -> None:
    assert {len(vector["key"].encode()) % 4 for vector in KEYS} == {0, 1, 2, 3}, "the rest of the last word"
    assert {vector["murmur2"] < 0 for vector in KEYS} == {True, False}, "the sign bit is masked, not negated"
    assert any(not vector["key"].isascii() for vector in KEYS)
    assert {str(topic(RAW).partitions), "12", "60"} == set(KEYS[0]["partitions"])


def test_the_keys_of_the_samples_are_among_them() -> None:
    keys = {(sample(name).key or b"").decode() for name, event in EVENTS.items() if event is RawAudio}
    assert keys <= {vector["key"] for vector in KEYS}
