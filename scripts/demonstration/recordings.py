"""What the calls of the demo are made of: real prompts and hold music, or what is synthesized in their place."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import MediaType
from schemas.media_type import WAV
from scripts.demonstration import synthesis
from streams.audio import Clip, decode

_PACKAGES = ("asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
_TOOLS = ("apt-get", "dpkg")
_COMMAND_TIMEOUT_S = 60
SHORTEST, LONGEST = 1.5, 40.0  # seconds: neither single digits nor whole instructions
_SYNTHESIZED_CLIPS = 40
_SYNTHESIZED_SECONDS = 16.0


class UnavailableError(Exception):
    """The real recordings cannot be had. The message says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """Audio at 8 kHz, mono.

    Attributes:
        origin: What it is, in one line.
        speech: Sentences, each a clip.
        music: One piece of hold music, longer than ten seconds.
    """

    origin: str
    speech: tuple[Clip, ...]
    music: Clip


def load(cache: Path, say: Callable[[str], None]) -> Recordings:
    """Get recordings, real ones if that is possible.

    Args:
        cache: Directory in which the real ones stay; fetched when it is missing.
        say: Told what takes a moment.
    """
    try:
        return _real(fetched(cache, _PACKAGES, say))
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


def fetched(cache: Path, packages: Sequence[str], say: Callable[[str], None]) -> Path:
    """Fetch Debian packages and unpack them; the directory appears whole or not at all.

    Args:
        cache: The directory to make; left as it is if it exists.
        packages: Names of the packages.
        say: Told what takes a moment.

    Raises:
        UnavailableError: If they cannot be had.
    """
    if cache.is_dir():
        return cache
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(f"this machine has no {missing[0]} to fetch real recordings with")
    say(f"fetching real recordings from Debian, some 30 MB, kept in {cache}")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=f"{cache.name}-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        for number, package in enumerate(packages, 1):
            say(f"fetching {package} ({number} of {len(packages)})")
            _download(Path(scratch), package)
        for archive in Path(scratch).glob("*.deb"):
            _run(["dpkg", "-x", str(archive), str(content)], Path(scratch))
        try:
            content.rename(cache)
        except OSError as error:
            if not cache.is_dir():  # otherwise another demo was faster
                raise UnavailableError(f"{cache} cannot be written: {error.strerror}") from error
    return cache


def _download(directory: Path, package: str) -> None:
    download = ["apt-get", "-q", "download", package]
    try:
        _run(download, directory)
    except UnavailableError:
        # A fresh machine has no package lists yet, and only root can get them.
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "-q", "update"], directory)
        _run(download, directory)


def _run(command: Sequence[str], directory: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took longer than {_COMMAND_TIMEOUT_S} s") from None
    if done.returncode != 0:
        last = done.stdout.strip().rpartition("\n")[2]
        raise UnavailableError(f"{command[0]} failed: {last}")
