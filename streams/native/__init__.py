"""Inner loops in C, each one call for a whole clip, outside the interpreter's lock.

What is called dozens of times for a clip, or walks over its samples, lives here; what decides anything does not. See
`kernels.h` for what there is.

Raises:
    ImportError: On import, where it is not compiled.
"""

try:
    from streams.native._kernels import ffi, lib
except ModuleNotFoundError as missing:
    raise ImportError(
        "streams.native is not compiled: run `python streams/native/build.py`, or any command in scripts/, which does "
        "that on first use"
    ) from missing

__all__ = ["ffi", "lib"]
