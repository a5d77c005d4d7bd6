"""Formats by their names on the command line, and media types by the suffixes of files."""

import argparse
from pathlib import Path, PurePath

from schemas.media_type import FLAC, G722, GSM, MPEG, OGG, PCMA, PCMU, SLIN, WAV, MediaType
from schemas.policy import OPUS, VORBIS

#: Formats of results.
FORMATS = {"flac": FLAC, "opus": OPUS, "vorbis": VORBIS, "mp3": MPEG, "wav": WAV}

#: Raw audio of these suffixes has this rate in Hz, as Asterisk writes it.
_SLIN_RATES = {
    ".sln": 8000,
    ".sln12": 12_000,
    ".sln16": 16_000,
    ".sln24": 24_000,
    ".sln32": 32_000,
    ".sln44": 44_100,
    ".sln48": 48_000,
}

#: Media types of the files that commands read, by suffix in lower case. Mono where the file does not say it itself.
MEDIA_TYPES = {
    **dict.fromkeys((".wav", ".wav16", ".wav49", ".w64", ".rf64", ".bw64"), MediaType(WAV)),
    ".flac": MediaType(FLAC),
    ".ogg": MediaType(OGG),
    ".oga": MediaType(OGG),
    ".opus": MediaType(OGG),
    ".mp3": MediaType(MPEG),
    **dict.fromkeys((".ulaw", ".mulaw", ".ul", ".ulw", ".mu"), MediaType(PCMU)),
    **dict.fromkeys((".alaw", ".al", ".alw"), MediaType(PCMA)),
    ".gsm": MediaType(GSM),
    ".g722": MediaType(G722),
    **{suffix: MediaType(SLIN, (("rate", str(rate)),)) for suffix, rate in _SLIN_RATES.items()},
}

#: Suffixes of recordings in formats that are not read, and have to be converted.
FOREIGN = {
    *(".3gp", ".aac", ".ac3", ".dts", ".eac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".awb", ".caf"),
    *(".m4a", ".mka", ".mkv", ".mov", ".mp4", ".snd", ".spx", ".webm", ".wma", ".wv"),
}


def media_type_of(path: PurePath) -> MediaType | None:
    """The media type of a file by its suffix, in any case; None if it is not one that commands read."""
    return MEDIA_TYPES.get(path.suffix.lower())


def suffixes() -> str:
    """The suffixes that commands read, for messages."""
    return " ".join(MEDIA_TYPES)


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Give a command the arguments for recordings: ``paths``, and the option of `add_suffix`."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="FILE|FOLDER",
        help=f"recordings ({suffixes()}), or folders with such files, where hidden ones and links are left out; "
        "- is standard input",
    )
    add_suffix(parser)


def add_suffix(parser: argparse.ArgumentParser) -> None:
    """Give a command the option ``suffix``, a media type or None."""
    parser.add_argument(
        "--suffix",
        type=_suffix,
        metavar="SUFFIX",
        help="what standard input is, and named files without one of these suffixes, if it is raw audio; of others the "
        "content says it",
    )


def _suffix(text: str) -> MediaType:
    media_type = MEDIA_TYPES.get(f".{text.lower().lstrip('.')}")
    if media_type is None:
        raise argparse.ArgumentTypeError(f"{text} is not one of {suffixes()}")
    return media_type
