"""The command `hotel-audio` of an installation: `hotel-audio NAME` does what `./scripts/NAME` does in a checkout.

A command's module is imported when it is asked for, and not before: some take a second to load.
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from agents.signals import exit_on_stop_signal
from scripts import commands
from scripts.invoke import invoke

NAME = "hotel-audio"
_DISTRIBUTION = "hotel-audio-streams"
#: What works on a checkout: it deploys it, builds its image, makes releases, and writes manifests and tables.
_WITHOUT = {"compliance", "deploy", "image", "manifests", "release", "settings"}
#: May be stopped at any time, also while its modules are imported.
_WORKER = "worker"
_EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names, with the others; returns its exit code."""
    return invoke(_main, sys.argv[1:] if argv is None else argv)


def _main(arguments: Sequence[str]) -> int:
    name = arguments[0].replace("_", "-") if arguments else None  # as the module's name as well
    if name not in command_names():  # --help, --version, or a mistake: in each case this ends the process
        name = parser().parse_args(arguments[:1]).command
    return _run(name, arguments[1:])


def command_names() -> list[str]:
    """The commands as they are typed."""
    modules = (module.name for module in iter_modules(commands.__path__))
    return [name.replace("_", "-") for name in modules if not name.startswith("_") and name not in _WITHOUT]


def parser(details: Iterable[str] = ()) -> argparse.ArgumentParser:
    """The command line.

    Args:
        details: Commands whose own options and arguments are wanted as well, which imports their modules.
    """
    made = argparse.ArgumentParser(
        prog=NAME,
        description="Hotel call audio on Apache Kafka.",
        epilog=f"{NAME} NAME --help says more of each.",
        formatter_class=partial(argparse.HelpFormatter, max_help_position=18),
    )
    made.add_argument("--version", action="version", version=f"{NAME} {_version()}", help="show the version and exit")
    subparsers = made.add_subparsers(dest="command", required=True, metavar="NAME", title="commands")
    for name in command_names():
        parents = [_module(name).parser()] if name in details else []
        subparsers.add_parser(name, help=_summary(name), parents=parents, add_help=not parents)
    return made


def _run(name: str, arguments: Sequence[str]) -> int:
    if name == _WORKER:
        exit_on_stop_signal()
    try:
        return int(_module(name).main(arguments))
    except ImportError as error:
        reason = _missing(error)
        if reason is None:
            raise
        print(f"{NAME} {name}: {reason}", file=sys.stderr)
        return _EXIT_USAGE


def _missing(error: ImportError) -> str | None:
    """What is not installed, and how to get it; None if that is not what is wrong."""
    if error.name is None:  # ours, with a message for whoever reads it
        return str(error)
    package = error.name.partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package == __name__.partition(".")[0]:
        return None
    return f"the Python package {package} is missing; install '{_DISTRIBUTION}[worker]', which brings it"


def _module(name: str) -> ModuleType:
    return import_module(_module_name(name))


def _module_name(name: str) -> str:
    return f"{commands.__name__}.{name.replace('-', '_')}"


def _summary(name: str) -> str:
    """The first line of a command's docstring, read without importing it."""
    spec = find_spec(_module_name(name))
    source = Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin is not None else ""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].replace("%", "%%")


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415  slow to import, and a signal may stop the worker meanwhile

    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "of a checkout"


if __name__ == "__main__":
    sys.exit(main())
