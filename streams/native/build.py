"""Compiles the C of this directory into `streams.native._kernels`; needs a C compiler and Python's headers.

python streams/native/build.py
"""

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import cffi

_HERE = Path(__file__).parent
_SOURCES = ("opus.c", "flac.c")
_FLAGS = ("-O3", "-std=c11", "-fopenmp-simd", "-fPIC", "-shared", "-Wall", "-Wextra")

ffi = cffi.FFI()
ffi.cdef((_HERE / "kernels.h").read_text(encoding="ascii"))
ffi.set_source(
    "streams.native._kernels",
    '#include <stdint.h>\n#include <stddef.h>\n#include "kernels.h"',
    sources=[str(_HERE / source) for source in _SOURCES],
    include_dirs=[str(_HERE)],
    extra_compile_args=list(_FLAGS),
)


def main() -> int:
    """Compile in place; say what the compiler says."""
    bindings = _HERE / "_kernels.c"
    ffi.emit_c_code(str(bindings))
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    sources = [str(bindings), *(str(_HERE / source) for source in _SOURCES)]
    module = _HERE / f"_kernels{sysconfig.get_config_var('EXT_SUFFIX')}"
    headers = [f"-I{sysconfig.get_path('include')}", f"-I{_HERE}"]
    command = [*compiler, *_FLAGS, *headers, *sources, "-o", str(module)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
