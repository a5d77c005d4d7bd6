"""Compiles the C of this directory into `streams.native._kernels`; needs a C compiler and Python's headers.

python streams/native/build.py [FLAG]...

Further flags for the compiler come after its own, and so prevail.
"""

import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import cffi

_HERE = Path(__file__).resolve().parent
_SOURCES = sorted(_HERE.glob("*.c"))
_FLAGS = ["-O3", "-std=gnu11", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra"]
_LIBRARIES = ["m"]


def for_wheel() -> cffi.FFI:
    """What is compiled for an installation; where there is no compiler, clients can be installed all the same."""
    sources = [str(source.relative_to(_HERE.parents[1])) for source in _SOURCES]
    return _kernels(
        "hotel_audio.native._kernels",
        sources=sources,
        include_dirs=[str(_HERE)],
        extra_compile_args=_FLAGS,
        libraries=_LIBRARIES,
        optional=True,
    )


def _kernels(module: str, **compilation: object) -> cffi.FFI:
    ffi = cffi.FFI()
    ffi.cdef((_HERE / "kernels.h").read_text(encoding="ascii"))
    ffi.set_source(module, '#include <stddef.h>\n#include <stdint.h>\n#include "kernels.h"', **compilation)
    return ffi


def main() -> int:
    """Compile beside the sources; the compiler prints its errors."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    module = _HERE / f"_kernels{sysconfig.get_config_var('EXT_SUFFIX')}"
    with tempfile.TemporaryDirectory() as folder:
        bindings = Path(folder) / "bindings.c"
        _kernels("streams.native._kernels").emit_c_code(str(bindings))
        headers = [f"-I{sysconfig.get_path('include')}", f"-I{_HERE}"]
        libraries = [f"-l{library}" for library in _LIBRARIES]
        flags = [*_FLAGS, *sys.argv[1:], "-fPIC", "-shared"]
        command = [*compiler, *flags, *headers, str(bindings), *map(str, _SOURCES), *libraries, "-o", str(module)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
