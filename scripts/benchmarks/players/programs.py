"""Programs of the command line that show, check, decode or play files."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.benchmarks.players.heard import Heard, of_sound
from scripts.benchmarks.players.samples import FORMATS, Sample

_TIMEOUT_S = 120
_OPUS = ("Opus", "Opus, dual mono")
_OGG = (*_OPUS, "Vorbis")
_NOT_OGG = tuple(name for name in FORMATS if name not in _OGG)
_NOT_OPUS = tuple(name for name in FORMATS if name not in _OPUS)
_NOT_VORBIS = FORMATS[:-1]
_MID_STREAM = "part2_3_length"  # VLC's MP3 decoder after a seek: the first frame refers to bits of frames before it
_NOBODY = 65534  # user and group


class Program(Protocol):
    """A program of the command line."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def formats(self) -> Sequence[str]:
        """Those of `FORMATS` that it reads."""

    def hear(self, file: Path, sample: Sample, scratch: Path) -> Heard:
        """Let the program read a file.

        Args:
            file: The sample as a file.
            sample: The sample.
            scratch: A directory for its output, which belongs to this call.
        """


@dataclass(frozen=True, slots=True)
class Shower:
    """A program that shows a file's length, or only checks the file.

    Attributes:
        name: Its name.
        command: The command, without the file.
        length: Matches the length in the output, as hours, minutes and seconds or the last of these; None if the
            program shows none.
        formats: See `Program`.
    """

    name: str
    command: Sequence[str]
    length: str | None
    formats: Sequence[str] = FORMATS

    def hear(self, file: Path, sample: Sample, scratch: Path) -> Heard:
        """See `Program`."""
        done = _run([*self.command, str(file)], scratch)
        if isinstance(done, Heard) or self.length is None:
            return done if isinstance(done, Heard) else Heard()
        found = re.search(self.length, done)
        if found is None:  # some show no length of zero
            return Heard() if round(sample.seconds, 3) == 0 else Heard("shows no length")
        seconds = 0.0
        for part in found.groups():
            seconds = seconds * 60 + float(part or 0)
        return Heard(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Decoder:
    """A program that decodes a file, from any position if it can seek.

    Attributes:
        name: Its name.
        command: Makes the command from the file, the WAV file to write, the position in seconds and the sample.
        seeks: Whether it can begin elsewhere than at the beginning.
        whole: Whether it decodes to the end; otherwise the length of the sound says nothing.
        formats: See `Program`.
        as_root: Whether it runs as root.
    """

    name: str
    command: Callable[[str, str, float, Sample], Sequence[str]]
    seeks: bool = True
    whole: bool = True
    formats: Sequence[str] = FORMATS
    as_root: bool = True

    def hear(self, file: Path, sample: Sample, scratch: Path) -> Heard:
        """See `Program`."""
        whole = self._hear_from(0.0, file, sample, scratch)
        landed = dict(whole.landed)
        for asked in sample.seeks if self.seeks and whole.problem is None else ():
            part = self._hear_from(asked, file, sample, scratch)
            if part.problem is not None:
                return Heard(f"from {asked:g} s: {part.problem}")
            landed.update(part.landed)
        return Heard(whole.problem, whole.seconds if self.whole else None, landed)

    def _hear_from(self, asked: float, file: Path, sample: Sample, scratch: Path) -> Heard:
        output = scratch / f"{asked:g}.wav"
        done = _run(self.command(str(file), str(output), asked, sample), scratch, as_root=self.as_root)
        return done if isinstance(done, Heard) else of_sound(str(output), sample, asked)


def _run(command: Sequence[str], scratch: Path, *, as_root: bool = True) -> str | Heard:
    """Run a command; returns its output, or what is wrong if it complains or fails."""
    user = _NOBODY if os.geteuid() == 0 and not as_root else None
    home = scratch.parent if user is None else scratch  # GStreamer keeps a register of its plugins there
    try:
        done = subprocess.run(
            command,
            cwd=scratch,
            env={**os.environ, "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    except FileNotFoundError:
        return Heard(f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Heard(f"no end after {_TIMEOUT_S} s")
    complaint = "\n".join(line for line in done.stderr.splitlines() if _MID_STREAM not in line).strip()
    if done.returncode != 0 or re.search("warning|error|fail", complaint, re.IGNORECASE):
        return Heard((complaint or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1])
    return done.stdout


def _ffmpeg(file: str, output: str, asked: float, _: Sample) -> list[str]:
    start = ["-ss", f"{asked:g}"] if asked else []
    return ["ffmpeg", "-v", "warning", "-nostdin", "-y", *start, "-i", file, "-bitexact", output]


def _vlc(file: str, output: str, asked: float, _: Sample) -> list[str]:
    # VLC reads ahead of the clock for a second, then plays in real time.
    sound = ["--aout=afile", f"--audiofile-file={output}", "--audiofile-format=s16"]
    part = [f"--start-time={asked:g}", "--run-time=1", "--play-and-exit"]
    return ["cvlc", "-q", "-I", "dummy", "--no-video", *sound, *part, file, "vlc://quit"]


def _mpv(file: str, output: str, asked: float, _: Sample) -> list[str]:
    start = [f"--start={asked:g}"] if asked else []
    quiet = ["--no-config", "--no-video", "--msg-level=all=warn"]
    return ["mpv", *quiet, "--ao=pcm", f"--ao-pcm-file={output}", "--untimed", *start, file]


def _gstreamer(file: str, output: str, *_: object) -> list[str]:
    decoder = ["filesrc", f"location={file}", "!", "decodebin", "!", "audioconvert", "!", "audio/x-raw,format=S16LE"]
    return ["gst-launch-1.0", "-q", *decoder, "!", "wavenc", "!", "filesink", f"location={output}"]


def _flac(file: str, output: str, asked: float, sample: Sample) -> list[str]:
    return ["flac", "-d", "-s", "-f", f"--skip={round(asked * sample.rate)}", "-o", output, file]


def _mpg123(file: str, output: str, asked: float, sample: Sample) -> list[str]:
    frame = 576 if sample.rate < 32_000 else 1152  # noqa: PLR2004 - MPEG-1 from there on
    return ["mpg123", "-q", "-k", str(round(asked * sample.rate / frame)), "-w", output, file]


def _sox(file: str, output: str, asked: float, _: Sample) -> list[str]:
    return ["sox", file, "-b", "16", "-D", output, "trim", f"{asked:g}"]


PROGRAMS: tuple[Program, ...] = (
    Shower("ffprobe", ("ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0"), r"([\d.]+)"),
    Decoder("ffmpeg", _ffmpeg),
    Decoder("VLC", _vlc, whole=False, formats=_NOT_VORBIS, as_root=False),
    Decoder("VLC", _vlc, whole=False, seeks=False, formats=("Vorbis",), as_root=False),
    Decoder("mpv", _mpv),
    Shower("gst-discoverer", ("gst-discoverer-1.0",), r"Duration: (\d+):(\d+):([\d.]+)"),
    Decoder("GStreamer", _gstreamer, seeks=False),
    Shower("mediainfo", ("mediainfo", "--Inform=General;%Duration/String3%"), r"(\d+):(\d+):([\d.]+)"),
    Shower("exiftool", ("exiftool", "-n", "-s3", "-Duration"), r"([\d.e-]+)", _NOT_OGG),
    Shower("exiftool", ("exiftool", "-n", "-s3", "-FileType"), None, _OGG),
    Decoder("sox", _sox, formats=_NOT_OPUS),
    Shower("flac -t", ("flac", "-t", "-w", "-s"), None, ("FLAC",)),
    Decoder("flac", _flac, formats=("FLAC",)),
    Decoder("mpg123", _mpg123, formats=("MP3",)),
    Shower("opusinfo", ("opusinfo",), r"Playback length: (\d+)m:([\d.]+)s", _OPUS),
    Decoder("opusdec", lambda file, output, *_: ["opusdec", "--quiet", file, output], seeks=False, formats=_OPUS),
    Shower("oggz-validate", ("oggz-validate",), None, _OGG),
    Shower("ogginfo", ("ogginfo",), r"Playback length: (\d+)m:([\d.]+)s", ("Vorbis",)),
    Decoder("oggdec", lambda file, output, *_: ["oggdec", "-Q", "-o", output, file], seeks=False, formats=("Vorbis",)),
)
