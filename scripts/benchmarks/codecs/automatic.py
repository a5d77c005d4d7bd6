"""Measures the automatic choice on a mixture of telephone audio."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from schemas import MediaType
from schemas.media_type import L16, PCMU
from scripts.benchmarks.codecs import dtmf
from scripts.benchmarks.codecs.parallel import spread
from scripts.benchmarks.codecs.variants import companded, noisy, paused, plain
from scripts.benchmarks.corpus import Named
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip, SourceFormat, g711
from streams.codecs.wav import G711_HEADER_BYTES, PCM_HEADER_BYTES
from streams.compression import DEFAULT_POLICY, choose, encode, smallest

_LINEAR = MediaType(L16, (("rate", "8000"),))
_G711 = MediaType(PCMU)
_COMPANDED = SourceFormat("raw", "pcmu", 8)

#: Variants of the prompts, in turn.
_FORMS: tuple[tuple[str, Callable[[Clip], Clip], MediaType], ...] = (
    ("speech", plain, _LINEAR),
    ("speech, G.711", companded, _G711),
    ("speech, half of it pauses", paused, _LINEAR),
    ("speech, noisy", noisy, _LINEAR),
)
_PROMPTS_PER_NUMBER = 20  # prompts for each dialled number
_DIALLED = 7  # digits


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the mixture.

    Attributes:
        content: Its kind.
        clip: The audio.
        audio: The record's value.
        media_type: Its type.
    """

    content: str
    clip: Clip
    audio: bytes
    media_type: MediaType

    @property
    def file_bytes(self) -> int:
        """Its size with the header of a WAV file; G.711 counts one byte per sample."""
        return len(self.audio) + (G711_HEADER_BYTES if self.media_type.type == PCMU else PCM_HEADER_BYTES)


@dataclass(frozen=True, slots=True)
class Choice:
    """Results for one kind of content.

    Attributes:
        content: What it is; ``all`` for the whole mixture.
        clips: How many there are.
        mean_ratio: Mean over the clips of the input's size as a file over the result's.
        total_ratio: The same for all bytes together.
    """

    content: str
    clips: int
    mean_ratio: float
    total_ratio: float


def mixture(speech: Sequence[Named], music: Sequence[Named]) -> list[Input]:
    """Make the mixture: each prompt in one variant, the pieces of music, and dialled numbers.

    There is no digital silence in it, which would improve the ratio unfairly.
    """
    inputs = []
    for index, (_, clip) in enumerate(speech):
        content, change, media_type = _FORMS[index % len(_FORMS)]
        inputs.append(_input(content, change(clip), media_type))
    inputs += [_input("music", clip, _LINEAR) for _, clip in music]
    return inputs + [_input("DTMF", clip, _LINEAR) for clip in _dialled(-(-len(speech) // _PROMPTS_PER_NUMBER))]


def compress(inputs: Sequence[Input], advance: Callable[[], None]) -> list[Choice]:
    """Compress as a worker does for a hotel without a policy.

    Args:
        inputs: From `mixture`.
        advance: Called after each.

    Returns:
        The whole mixture first, then each kind of content.
    """
    sizes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for given, size in zip(inputs, spread(_compressed, inputs, advance), strict=True):
        for content in ("all", given.content):
            sizes[content].append((given.file_bytes, size))
    return [_choice(content, found) for content, found in sizes.items()]


def _input(content: str, clip: Clip, media_type: MediaType) -> Input:
    if media_type == _G711:
        known = Clip.of(clip.samples, clip.rate, _COMPANDED)
        return Input(content, known, g711.encode(clip.samples, "pcmu").tobytes(), media_type)
    return Input(content, clip, clip.samples.astype(">i2").tobytes(), media_type)


def _dialled(count: int) -> Iterator[Clip]:
    """Dialled numbers, each with different digits."""
    for number in range(count):
        turned = dtmf.KEYS[number % len(dtmf.KEYS) :] + dtmf.KEYS
        yield dtmf.digits(turned[:_DIALLED], tone_ms=100, pause_ms=100)


def _compressed(given: Input) -> int:
    """The size of the result in bytes."""
    plan = choose(given.clip, analyse_lazily(given.clip), DEFAULT_POLICY).plan
    return len(smallest(encode(given.clip, plan), given.clip, given.audio, given.media_type).audio)


def _choice(content: str, sizes: Sequence[tuple[int, int]]) -> Choice:
    mean = fmean(before / after for before, after in sizes)
    return Choice(content, len(sizes), mean, sum(before for before, _ in sizes) / sum(after for _, after in sizes))
