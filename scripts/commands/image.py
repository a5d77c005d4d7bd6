"""Builds the image of this checkout: `image build`."""

import argparse
import sys
from collections.abc import Sequence

from infra.docker import image
from scripts.cli import fail

_MB = 1e6
_END = "--"  # of our options; the engine's follow
_EPILOG = """\
Options after -- go to the engine's build, such as: image build -- --no-cache --network host
Packages come from where this machine's pip gets them (PIP_INDEX_URL and its like, pip.conf), which the image does not
tell.
docs/DEPLOYMENT_GUIDE.md says how to run the image.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    own = arguments.index(_END) if _END in arguments else len(arguments)
    options = parser().parse_args(arguments[:own])
    try:
        engine = options.engine or image.available_engine()
        built = image.build(engine, options.tag, options.base_image, arguments[own + 1 :])
    except image.ImageError as error:
        return fail("image", str(error))
    except KeyboardInterrupt:
        return 130
    over = (built.size - built.base_size) / _MB
    print(f"image   {built.name}")
    print(f"digest  {built.digest}")
    print(f"size    {built.size / _MB:.0f} MB, {over:.0f} MB over {options.base_image}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/image",
        usage="%(prog)s build [--tag NAME:TAG] [--base-image IMAGE] [--engine ENGINE] [-- OPTION ...]",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("action", choices=("build",), help="build it, and print its name, digest and size")
    name = f"{image.NAME}:{image.version()}"
    made.add_argument("--tag", default=name, metavar="NAME:TAG", help="its name (default: %(default)s)")
    made.add_argument(
        "--base-image",
        default=image.BASE_IMAGE,
        metavar="IMAGE",
        help="a Debian with Python 3.11 or newer (default: %(default)s)",
    )
    made.add_argument("--engine", choices=image.ENGINES, help="default: the first of them that is installed")
    return made


if __name__ == "__main__":
    sys.exit(main())
