"""Encoded clips with their scores, to fit and to check the quality model."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from scripts.benchmarks.codecs.parallel import spread
from scripts.benchmarks.codecs.pesq_score import score
from scripts.benchmarks.codecs.variants import VARIANTS, plain
from streams.analysis.analysis import Analysis, analyse
from streams.audio import Clip
from streams.codecs import Encoder
from streams.compression.quality import NOISY, SPEECH, content_of


@dataclass(frozen=True, slots=True)
class Source:
    """A clip to be encoded by several encoders.

    Attributes:
        name: Of the recording.
        variant: What was done to it.
        kind: ``speech``, ``noisy`` or ``music`` (see `content_of`): the true one, but for noise, which is heard.
        clip: The audio.
        encoders: The encoders.
    """

    name: str
    variant: str
    kind: str
    clip: Clip
    encoders: Sequence[Encoder]


@dataclass(frozen=True, slots=True)
class Example:
    """One encoded clip with its score.

    Attributes:
        name: Of the recording.
        variant: What was done to it.
        kind: As of the source.
        analysis: The analysis of the clip.
        encoder: The encoder of the file.
        bytes_in: Size of the clip as linear samples.
        bytes_out: Size of the file.
        score: PESQ.
    """

    name: str
    variant: str
    kind: str
    analysis: Analysis
    encoder: Encoder
    bytes_in: int
    bytes_out: int
    score: float


def sources(
    recordings: Sequence[tuple[str, Clip]], encoders: Callable[[str], Sequence[Encoder]], kind: str, *, varied: bool
) -> list[Source]:
    """Each recording unchanged and, if wanted, in one variant, which is chosen by its name.

    Args:
        recordings: The recordings with their names.
        encoders: Returns the encoders for a kind of content.
        kind: ``speech`` or ``music``.
        varied: Whether to add variants.
    """
    found = [_source(name, plain, kind, clip, encoders) for name, clip in recordings]
    if varied:
        others = VARIANTS[1:]
        for name, clip in recordings:
            change = others[zlib.crc32(name.encode()) % len(others)]
            found.append(_source(name, change, kind, clip, encoders))
    return found


def _source(
    name: str,
    change: Callable[[Clip], Clip],
    kind: str,
    recording: Clip,
    encoders: Callable[[str], Sequence[Encoder]],
) -> Source:
    clip = change(recording)
    content = NOISY if kind == SPEECH and content_of(analyse(clip)) == NOISY else kind
    return Source(name, change.__name__, content, clip, encoders(content))


def measure(wanted: Sequence[Source], advance: Callable[[], None]) -> list[Example]:
    """Encode and score all sources, on all cores. Where PESQ finds no speech, there is no example.

    Args:
        wanted: The sources.
        advance: Called after each source.
    """
    return [example for examples in spread(_examples, wanted, advance) for example in examples]


def _examples(source: Source) -> list[Example]:
    return list(_scored(source, analyse(source.clip)))


def _scored(source: Source, analysis: Analysis) -> Iterator[Example]:
    for encoder in source.encoders:
        audio = encoder.encode(source.clip).audio
        found = score(source.clip, audio)
        if found is not None:
            sizes = source.clip.samples.nbytes, len(audio)
            yield Example(source.name, source.variant, source.kind, analysis, encoder, *sizes, found)
