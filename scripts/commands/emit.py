"""Sends recordings as calls: each file becomes one call, cut into segments, on the topic audio.raw.

Both sides of a stereo recording are sent as two channels of its call. G.711 stays G.711; all else is sent as linear
samples of 16 bits. With --whole, a file of any size is sent as it is: one that is too large for a record is stored
(AUDIO_STORES), and a reference to it is sent to the topic audio.recordings.
"""

import argparse
import sys
from collections.abc import Sequence

from schemas.media_type import L16, SLIN
from schemas.raw_audio import CHANNELS
from scripts.cli import add_cluster_options, run
from scripts.commands._json import JSON_HELP, json_file
from scripts.recordings.formats import add_recordings

_SHORTEST = 0.02  # seconds: one packet of telephony
_LONGEST = 60.0
_SIDES = 2
_TOGETHER = "together"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    from scripts.commands import _sending  # noqa: PLC0415  the decoders, which --help does without

    return run("emit", _sending.send_files(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/emit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_recordings(made)
    made.add_argument("--hotel", required=True, help="hotel id")
    made.add_argument(
        "--call",
        help="call id of the first FILE; later ones are CALL-2, CALL-3 and so on, and files of a FOLDER are CALL/ and "
        "their path below it without suffix (default: that path, or the FILE's name without suffix)",
    )
    made.add_argument("--channel", choices=CHANNELS, help="channel of mono files (default: none)")
    made.add_argument(
        "--channels",
        type=_channels,
        default="guest,agent",
        metavar="LEFT,RIGHT|together",
        help="channels of the two sides of stereo files; together sends both in one stereo record, with the channel of "
        "--channel (default: %(default)s)",
    )
    _add_form(made)
    made.add_argument(
        "--sealed",
        action="store_true",
        help="seal the audio under a key of its call before it is sent (AUDIO_KEY_STORE)",
    )
    made.add_argument("--guest", metavar="REF", help="whose call it is: the hotel's opaque reference, never a name")
    made.add_argument("--json", type=json_file, metavar="REPORT", help=JSON_HELP)
    add_cluster_options(made)
    return made


def _add_form(made: argparse.ArgumentParser) -> None:
    """Add the options for how a call becomes records."""
    made.add_argument("--realtime", action="store_true", help="send each segment at the time of its end in a live call")
    made.add_argument(
        "--segment",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="length of a segment (default: %(default)g)",
    )
    form = made.add_mutually_exclusive_group()
    form.add_argument(
        "--media-type",
        choices=(L16, SLIN),
        help="format of the samples (default: as sent for G.711, otherwise audio/L16)",
    )
    form.add_argument(
        "--whole",
        action="store_true",
        help="send each file as it is, in one record, or by reference if it is larger than AUDIO_INLINE_LIMIT: so MP3, "
        "OGG and more than 16 bits come to the worker undecoded",
    )


def _seconds(text: str) -> float:
    number = float(text)
    if not _SHORTEST <= number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not from {_SHORTEST:g} to {_LONGEST:g}")
    return number


def _channels(text: str) -> tuple[str, ...] | None:
    """Parse the channels of stereo files; None keeps them together."""
    if text == _TOGETHER:
        return None
    names = tuple(text.split(","))
    if len(names) != _SIDES or len(set(names)) != _SIDES or not set(names) <= set(CHANNELS):
        raise argparse.ArgumentTypeError(f"{text} is not two different ones of {', '.join(CHANNELS)}, or {_TOGETHER}")
    return names


if __name__ == "__main__":
    sys.exit(main())
