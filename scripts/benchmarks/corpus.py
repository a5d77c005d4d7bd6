"""The audio that is measured: Asterisk's prompts in two languages and its hold music."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from infra.debian import UnavailableError, fetched
from scripts.demonstration.recordings import LONGEST, SHORTEST, named_clips
from streams.audio import Clip

Named = tuple[str, Clip]

CACHE = Path(__file__).resolve().parents[2] / ".build" / "corpus"
"""Where the real recordings are kept."""

_PACKAGES = ("asterisk-core-sounds-en-wav", "asterisk-core-sounds-es-wav", "asterisk-moh-opsound-wav")
_EXCERPT_SECONDS = 10
_EXCERPTS_AT = (10, 40, 70, 100)  # seconds into a piece of music


@dataclass(frozen=True, slots=True)
class Corpus:
    """Audio at 8 kHz, mono, by name.

    Attributes:
        origin: What it is, in one line.
        speech: Sentences of 1.5 to 40 seconds, in an order without meaning that is always the same.
        music: Excerpts of ten seconds.
    """

    origin: str
    speech: tuple[Named, ...]
    music: tuple[Named, ...]

    def limited(self, count: int | None) -> "Corpus":
        """The same with at most this number of sentences; None keeps all."""
        return replace(self, speech=self.speech[:count])


def load(cache: Path, say: Callable[[str], None]) -> Corpus:
    """Get the corpus.

    Args:
        cache: Directory that keeps it; it is fetched if it is missing.
        say: Called with a line before slow steps.

    Raises:
        UnavailableError: If it cannot be fetched. Synthetic sound would not represent real audio.
    """
    directory = fetched(cache, _PACKAGES, "real recordings", say)
    speech = [(name, clip) for name, clip in named_clips(directory, "sounds") if _is_sentence(name, clip)]
    music = [excerpt for name, clip in named_clips(directory, "moh") for excerpt in _excerpts(name, clip)]
    if not speech or not music:
        raise UnavailableError(f"{directory} does not hold what is expected (remove it to fetch it again)")
    speech.sort(key=lambda named: hashlib.sha256(named[0].encode()).digest())
    origin = f"{len(speech)} prompts and {len(music)} excerpts of hold music from Debian's {', '.join(_PACKAGES)}"
    return Corpus(origin, tuple(speech), tuple(music))


def _is_sentence(name: str, clip: Clip) -> bool:
    return "silence/" not in name and SHORTEST <= clip.frames / clip.rate <= LONGEST


def _excerpts(name: str, clip: Clip) -> Iterator[Named]:
    for second in _EXCERPTS_AT:
        samples = clip.samples[second * clip.rate : (second + _EXCERPT_SECONDS) * clip.rate]
        if len(samples) == _EXCERPT_SECONDS * clip.rate:
            yield f"{name}@{second}", Clip.of(samples, clip.rate, clip.source)
