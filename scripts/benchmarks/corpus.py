"""The audio that is measured: Asterisk's prompts in two languages and its hold music, or synthesized sound."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.demonstration import synthesis
from scripts.demonstration.recordings import LONGEST, SHORTEST, UnavailableError, fetched, named_clips
from streams.audio import Clip

Named = tuple[str, Clip]

CACHE = Path(__file__).resolve().parents[2] / ".build" / "corpus"
"""Where the real recordings are kept."""

_PACKAGES = ("asterisk-core-sounds-en-wav", "asterisk-core-sounds-es-wav", "asterisk-moh-opsound-wav")
_EXCERPT_SECONDS = 10
_EXCERPTS_AT = (10, 40)  # seconds into a piece of music
_SYNTHESIZED_CLIPS = 40
_SYNTHESIZED_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """Audio at 8 kHz, mono, by name.

    Attributes:
        origin: What it is, in one line.
        real: Whether people speak in it.
        speech: Sentences of 1.5 to 40 seconds, in an order without meaning that is always the same.
        music: Excerpts of ten seconds.
    """

    origin: str
    real: bool
    speech: tuple[Named, ...]
    music: tuple[Named, ...]

    def limited(self, count: int | None) -> "Corpus":
        """The same with at most so many sentences; None keeps all."""
        return replace(self, speech=self.speech[:count])


def load(cache: Path, say: Callable[[str], None]) -> Corpus:
    """Get the corpus, the real one if that is possible.

    Args:
        cache: Directory in which the real one stays; fetched when it is missing.
        say: Told what takes a moment, and why the real one cannot be had.
    """
    try:
        return _real(fetched(cache, _PACKAGES, say))
    except UnavailableError as error:
        say(f"speech and music are synthesized, because {error}")
        return _synthesized(str(error))


def _real(directory: Path) -> Corpus:
    speech = [(name, clip) for name, clip in named_clips(directory, "sounds") if _is_sentence(name, clip)]
    music = [excerpt for name, clip in named_clips(directory, "moh") for excerpt in _excerpts(name, clip)]
    if not speech or not music:
        raise UnavailableError(f"{directory} does not hold what is expected (remove it to fetch it again)")
    speech.sort(key=lambda named: hashlib.sha256(named[0].encode()).digest())
    origin = f"real: {len(speech)} prompts and {len(music)} excerpts of hold music from Debian's {', '.join(_PACKAGES)}"
    return Corpus(origin, real=True, speech=tuple(speech), music=tuple(music))


def _is_sentence(name: str, clip: Clip) -> bool:
    return "silence/" not in name and SHORTEST <= clip.frames / clip.rate <= LONGEST


def _excerpts(name: str, clip: Clip) -> Iterator[Named]:
    for second in _EXCERPTS_AT:
        samples = clip.samples[second * clip.rate : (second + _EXCERPT_SECONDS) * clip.rate]
        if len(samples) == _EXCERPT_SECONDS * clip.rate:
            yield f"{name}@{second}", Clip.of(samples, clip.rate, clip.source)


def _synthesized(reason: str) -> Corpus:
    speech: Sequence[Named] = [
        (f"speaker {speaker}", synthesis.speech(_SYNTHESIZED_SECONDS, speaker)) for speaker in range(_SYNTHESIZED_CLIPS)
    ]
    music = (("music", synthesis.music(_SYNTHESIZED_SECONDS)),)
    origin = f"synthesized speech and music, because {reason}"
    return Corpus(origin, real=False, speech=tuple(speech), music=music)
