"""Checks that a release's tag, version and changelog agree, prints its notes, and builds its wheel."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.docker.image import version as project_version
from infra.packaging import wheel
from infra.packaging.release import Changelog, ReleaseError, check
from scripts.cli import fail

_CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
_EPILOG = """\
  check    prints the version if it fits the changelog, and the tag if one is given
  notes    prints the changelog's newest section of a release
  wheel    builds the wheel with the pinned tools of the image, and prints its file
docs/RELEASING.md says how a release is made.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    try:
        print(_ACTIONS[options.action](options))
    except (ReleaseError, wheel.WheelError, OSError) as error:
        return fail("release", str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/release",
        usage="%(prog)s check [--tag TAG] | notes | wheel [--out DIRECTORY]",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("action", choices=tuple(_ACTIONS), help="see below")
    made.add_argument("--tag", metavar="TAG", help="the release's tag, such as v0.2.0; it needs a section of its own")
    made.add_argument(
        "--out", type=Path, default=Path("dist"), metavar="DIRECTORY", help="for the wheel (default: %(default)s)"
    )
    return made


def _checked(options: argparse.Namespace) -> str:
    version = project_version()
    check(version, _changelog(), options.tag)
    return version


def _notes(_options: argparse.Namespace) -> str:
    releases = _changelog().releases
    if not releases:
        raise ReleaseError("CHANGELOG.md has no release yet")
    return releases[0].notes


def _wheel(options: argparse.Namespace) -> str:
    return str(wheel.build(options.out))


def _changelog() -> Changelog:
    return Changelog.parse(_CHANGELOG.read_text(encoding="utf-8"))


_ACTIONS = {"check": _checked, "notes": _notes, "wheel": _wheel}


if __name__ == "__main__":
    sys.exit(main())
