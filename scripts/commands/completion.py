"""Prints a script that makes a shell complete the commands of hotel-audio, their options and file names."""

import argparse
import sys
from collections.abc import Iterator, Sequence

import shtab

from scripts import hotel_audio

_EPILOG = """\
To have it in every new shell, for instance:
  hotel-audio completion bash > ~/.local/share/bash-completion/completions/hotel-audio
  hotel-audio completion zsh > DIRECTORY/_hotel-audio       # a directory of $fpath
  hotel-audio completion fish > ~/.config/fish/completions/hotel-audio.fish
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    shell = parser().parse_args(argv).shell
    everything = hotel_audio.parser(details=hotel_audio.command_names())
    for action in _actions(everything):
        _complete_files(action)
    script = shtab.complete(everything, shell=shell)  # nosec B604 # the name of a shell; none is started
    print(script)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/completion",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("shell", choices=("bash", "zsh", "fish"))
    return made


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option and argument, those of subcommands too."""
    for action in parser._actions:  # noqa: SLF001  nothing public tells them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  as above
            for inner in action.choices.values():
                yield from _actions(inner)


def _complete_files(action: argparse.Action) -> None:
    names = str(action.metavar)
    if "FILE" in names:
        action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab looks for it
    elif "DIR" in names:
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # as above


if __name__ == "__main__":
    sys.exit(main())
