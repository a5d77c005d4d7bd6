"""The recordings of the demo: real prompts and hold music, or synthesized ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.debian import UnavailableError, fetched
from schemas import MediaType
from schemas.media_type import WAV
from scripts.demonstration import synthesis
from streams.audio import Clip, decode

_PACKAGES = ("asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
SHORTEST, LONGEST = 1.5, 40.0  # seconds: neither single digits nor whole instructions
_SYNTHESIZED_CLIPS = 40
_SYNTHESIZED_SECONDS = 16.0


@dataclass(frozen=True, slots=True)
class Recordings:
    """Audio at 8 kHz, mono.

    Attributes:
        origin: Its source, in one line.
        speech: Sentences, each a clip.
        music: One piece of hold music, longer than ten seconds.
    """

    origin: str
    speech: tuple[Clip, ...]
    music: Clip


def load(cache: Path, say: Callable[[str], None]) -> Recordings:
    """Load recordings, real ones if possible.

    Args:
        cache: Directory of the real ones; fetched if it is missing.
        say: Called with a line before each long step.
    """
    try:
        return _real(fetched(cache, _PACKAGES, "real recordings", say))
    except UnavailableError as error:
        say(f"speech and music are synthesized, because {error}")
        return _synthesized(str(error))


def _real(directory: Path) -> Recordings:
    speech = [clip for clip in _clips(directory, "sounds") if SHORTEST <= clip.frames / clip.rate <= LONGEST]
    music = next(_clips(directory, "moh"), None)
    if not speech or music is None:
        raise UnavailableError(f"{directory} does not hold what is expected (remove it to fetch it again)")
    return Recordings(f"real: {len(speech)} prompts and hold music of Debian's {_PACKAGES[0]}", tuple(speech), music)


def _clips(directory: Path, kind: str) -> Iterator[Clip]:
    return (clip for _, clip in named_clips(directory, kind))


def named_clips(directory: Path, kind: str) -> Iterator[tuple[str, Clip]]:
    """The recordings in a directory that `fetched` made, with their paths below that kind's folder.

    Args:
        directory: Where the packages were unpacked.
        kind: ``sounds`` (prompts) or ``moh`` (hold music).
    """
    folder = directory / "usr/share/asterisk" / kind
    for file in sorted(folder.rglob("*.wav")):
        clip = decode(file.read_bytes(), MediaType(WAV))
        if isinstance(clip, Clip):
            yield str(file.relative_to(folder)), clip


def _synthesized(reason: str) -> Recordings:
    speech = tuple(synthesis.speech(_SYNTHESIZED_SECONDS, speaker) for speaker in range(_SYNTHESIZED_CLIPS))
    origin = f"synthesized speech and music, because {reason}"
    return Recordings(origin, speech, synthesis.music(_SYNTHESIZED_SECONDS))
