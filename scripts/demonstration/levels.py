"""Compares the compression levels on the same inputs, without Kafka."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from schemas import RawAudio
from schemas.compressed_audio import LEVELS
from scripts.demonstration.calls import Input
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip
from streams.codecs import Encoded
from streams.compression import DEFAULT_POLICY, choose, encode, smallest


@dataclass(frozen=True, slots=True)
class Level:
    """One level.

    Attributes:
        number: 1 to 5.
        codecs: The codecs of the files, the most frequent first.
        bytes_in: Size of the inputs as they were sent.
        bytes_out: Size of the files.
    """

    number: int
    codecs: tuple[str, ...]
    bytes_in: int
    bytes_out: int


def compare(inputs: Sequence[Input]) -> list[Level]:
    """Encode every good input at every level."""
    good = [(item.event, item.clip) for item in inputs if isinstance(item.event, RawAudio) and item.clip is not None]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [_level(number, good, pool) for number in LEVELS]


def _level(number: int, good: Sequence[tuple[RawAudio, Clip]], pool: ThreadPoolExecutor) -> Level:
    def file_of(pair: tuple[RawAudio, Clip]) -> Encoded:
        event, clip = pair
        plan = choose(clip, analyse_lazily(clip), DEFAULT_POLICY, fixed_level=number).plan
        return smallest(encode(clip, plan), clip, event.audio, event.media_type)

    files = list(pool.map(file_of, good))
    codecs = Counter(file.codec for file in files)
    return Level(
        number,
        tuple(codec for codec, _ in codecs.most_common()),
        sum(len(event.audio) for event, _ in good),
        sum(len(file.audio) for file in files),
    )
