"""Shows the help of a command where nothing is installed yet.

    python3 -I -S scripts/help_page.py MODULE [ARGUMENT]... --help

A command's module may import packages that its command line does not need. Here a stand-in takes the place of every
package that is not this project's, so that the help needs no environment and less than a second. It needs the standard
library alone.
"""

import runpy
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_PROJECT = Path(__file__).resolve().parents[1]


class StandIn(ModuleType):
    """Takes the place of a package and of all that is imported from it: as a base class, a decorator, a constant."""

    def __getattr__(self, name: str) -> "StandIn":
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *arguments: object, **_: object) -> object:
        """Leave what it decorates as it is; otherwise, return a stand-in for the result."""
        return arguments[0] if arguments and callable(arguments[0]) else self

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return ()

    def __iter__(self) -> Iterator[object]:
        return iter(())


def _same(self: StandIn, *_: object) -> StandIn:
    return self


for _name in ("getitem", "or_", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "neg"):
    setattr(StandIn, f"__{_name.strip('_')}__", _same)
    setattr(StandIn, f"__r{_name.strip('_')}__", _same)


class StandIns(MetaPathFinder, Loader):
    """Finds a stand-in for every module that has no source in this project, except the standard library's."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Return the specification of a stand-in; the signature is that of the import system."""
        source = _PROJECT.joinpath(*fullname.split("."))
        is_there = source.is_dir() or source.with_suffix(".py").is_file()
        if is_there or fullname.partition(".")[0] in sys.stdlib_module_names:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the stand-in."""
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: a stand-in has no code."""


def main(argv: Sequence[str]) -> None:
    """Run a command's module, whose arguments have to ask for its help."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader may be `head`
    sys.path.insert(0, str(_PROJECT))
    sys.meta_path.insert(0, StandIns())
    sys.argv = list(argv)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
