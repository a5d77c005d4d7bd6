"""Code of setup.py: the packages of the wheel, and the build step that renames modules for it."""

from functools import cache
from pathlib import Path

from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel
from setuptools.errors import OptionError

from infra.packaging.relocation import PACKAGES, RelocationError, relocate, relocated

_PROJECT = Path(__file__).resolve().parents[2]
#: Code that measures, trains and builds is not installed.
_LEFT_OUT = (
    "scripts.benchmarks",
    "scripts.deployment",
    "scripts.training",
    "infra.docker",
    "infra.grafana",
    "infra.packaging",
)
_MODULES_LEFT_OUT = {
    ("hotel_audio.native", "build"),
    ("hotel_audio.scripts", "final_validation"),
    ("hotel_audio.scripts", "compliance_page"),
    ("hotel_audio.scripts.commands", "compliance"),
    ("hotel_audio.scripts.commands", "deploy"),
    ("hotel_audio.scripts.commands", "image"),
    ("hotel_audio.scripts.commands", "manifests"),
    ("hotel_audio.scripts.commands", "release"),
    ("hotel_audio.scripts.commands", "settings"),
}


def packages() -> dict[str, str]:
    """The packages of the wheel and their directories in the checkout."""
    found = {}
    for root in PACKAGES:
        for init in sorted((_PROJECT / root).rglob("__init__.py")):
            directory = init.parent.relative_to(_PROJECT)
            name = ".".join(directory.parts)
            if not name.startswith(_LEFT_OUT):
                found[relocated(name)] = str(directory)
    return found


class BuildModules(build_py):  # type: ignore[misc]  # setuptools has no types
    """Copies modules under the names that packages have in the wheel."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """The modules of a package."""
        modules = super().find_package_modules(package, package_dir)
        return [module for module in modules if module[:2] not in _MODULES_LEFT_OUT]

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Copy one module."""
        copy, copied = super().build_module(module, module_file, package)
        source = Path(module_file).read_text(encoding="utf-8")
        try:
            Path(copy).write_text(relocate(source, commands().__contains__), encoding="utf-8")
        except RelocationError as error:
            raise OptionError(f"{module_file}, {error}") from error
        return copy, copied


class RefuseEditable(editable_wheel):  # type: ignore[misc]  # setuptools has no types
    """Reports that an editable installation is not possible."""

    def run(self) -> None:
        """Raise the error."""
        raise OptionError("not editable: packages have other names in the checkout; use scripts/NAME there")


@cache
def commands() -> frozenset[str]:
    """The commands of an installation, by the names of their modules."""
    return frozenset(
        path.stem
        for path in (_PROJECT / "scripts" / "commands").glob("[a-z]*.py")
        if ("hotel_audio.scripts.commands", path.stem) not in _MODULES_LEFT_OUT
    )
