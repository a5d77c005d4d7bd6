"""Runs pytest with the C of streams/native under AddressSanitizer and UndefinedBehaviorSanitizer.

python -m tests.support.sanitizers [ARGUMENT OF PYTEST]...

The kernels are compiled a second time, in a directory of their own. Python itself is built without sanitizers, so their
runtime is loaded before it; the plugin `tests.support.sanitized_kernels` replaces the product's kernels by these.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support.sanitized_kernels import PATH_VARIABLE

PROJECT = Path(__file__).parents[2]
_NATIVE = PROJECT / "streams" / "native"
_FLAGS = (
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
)
_TIMEOUT_S = 240


def build(folder: Path, change: Callable[[Path], None] | None = None) -> Path:
    """Compile a copy of the kernels with both sanitizers.

    Args:
        folder: Directory for the copy; it must not exist.
        change: Called with the directory of the copied sources; may change them before they are compiled.

    Returns:
        The compiled module.

    Raises:
        subprocess.CalledProcessError: If the compiler fails; its messages are on standard error.
    """
    shutil.copytree(_NATIVE, folder, ignore=shutil.ignore_patterns("_kernels*", "__pycache__"))
    if change is not None:
        change(folder)
    subprocess.run([sys.executable, str(folder / "build.py"), *_FLAGS], check=True, cwd=folder)
    (module,) = folder.glob("_kernels*")
    return module


def run_tests(module: Path, *arguments: str, capture: bool = True) -> subprocess.CompletedProcess[str]:
    """Run pytest with the kernels of a module that `build` made, in a process of its own.

    Args:
        module: The compiled kernels.
        arguments: For pytest: what to run.
        capture: Whether to return its output, both streams together, instead of showing it.
    """
    options = ("-p", "tests.support.sanitized_kernels", "-p", "no:cacheprovider", "-p", "no:faulthandler")
    command = [sys.executable, "-m", "pytest", *options, "--capture=sys", *arguments]  # reports are on descriptor 2
    return subprocess.run(
        [*_at_fixed_addresses(), *command],
        cwd=PROJECT,
        env=os.environ | _environment(module),
        check=False,
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        text=True,
        timeout=_TIMEOUT_S if capture else None,
    )


def _at_fixed_addresses() -> list[str]:
    """The prefix of a command that turns off address randomisation, or nothing where that is not allowed.

    AddressSanitizer of gcc 13 and earlier needs a range of addresses that Linux may use otherwise: not with
    vm.mmap_rnd_bits=28, but with 32.
    """
    prefix = ["setarch", "--addr-no-randomize"]
    return prefix if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0 else []


def _environment(module: Path) -> dict[str, str]:
    return {
        PATH_VARIABLE: str(module),
        # The C++ library as well: AddressSanitizer looks up its functions when it starts.
        "LD_PRELOAD": f"{_runtime('libasan.so')} libstdc++.so.6",
        # Python frees little at exit. The kernels free nothing, so that a small quarantine of freed blocks is enough.
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:quarantine_size_mb=8",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # each object is a block of its own, whose bounds are checked
    }


def _runtime(library: str) -> Path:
    """The path of a runtime library of the compiler that builds the kernels.

    Raises:
        FileNotFoundError: If the compiler does not have it.
    """
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    command = [*compiler, f"-print-file-name={library}"]
    found = Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    if not found.is_absolute():
        raise FileNotFoundError(f"{shlex.join(compiler)} has no {library}: install libgcc-dev of its version")
    return found


def main() -> int:
    """Build the kernels, and run pytest with the arguments of this command."""
    with tempfile.TemporaryDirectory() as folder:
        return run_tests(build(Path(folder) / "native"), *sys.argv[1:], capture=False).returncode


if __name__ == "__main__":
    sys.exit(main())
