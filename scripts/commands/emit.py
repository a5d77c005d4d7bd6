"""Sends audio files as calls: each FILE becomes one call, cut into segments, on the topic audio.raw."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.media_type import L16, SLIN
from schemas.raw_audio import CHANNELS
from scripts.cli import add_cluster_options, run

_SHORTEST = 0.02  # seconds: one packet of telephony
_LONGEST = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    from scripts.commands import _sending  # noqa: PLC0415  the decoders, which --help does without

    return run("emit", _sending.send_files(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/emit", description=__doc__)
    made.add_argument("files", nargs="+", type=Path, metavar="FILE", help="WAV, FLAC, OGG or MP3")
    made.add_argument("--hotel", required=True, help="hotel id")
    made.add_argument(
        "--call", required=True, help="call id of the first FILE; later ones are CALL-2, CALL-3 and so on"
    )
    made.add_argument("--channel", choices=CHANNELS, help="audio channel (default: none)")
    made.add_argument("--realtime", action="store_true", help="send each segment at the time of its end in a live call")
    made.add_argument(
        "--segment",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="length of a segment (default: %(default)g)",
    )
    made.add_argument(
        "--media-type", choices=(L16, SLIN), default=L16, help="format of the samples (default: %(default)s)"
    )
    add_cluster_options(made)
    return made


def _seconds(text: str) -> float:
    number = float(text)
    if not _SHORTEST <= number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not from {_SHORTEST:g} to {_LONGEST:g}")
    return number


if __name__ == "__main__":
    sys.exit(main())
