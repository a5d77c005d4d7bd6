"""Inner loops in C, each one call for a whole clip, outside the interpreter's lock.

What is called dozens of times for a clip, or walks over its samples, lives here; what decides anything does not. See
`kernels.h` for what there is.

Raises:
    ImportError: On import, where it is not compiled.
"""

from collections.abc import Callable
from typing import Any

try:
    from streams.native._kernels import ffi, lib
except ModuleNotFoundError as missing:
    raise ImportError(
        f"{__name__} is not compiled: in a checkout, any command in scripts/ compiles it, as does `python "
        "streams/native/build.py`; elsewhere, install a wheel, or install again where there is a C compiler"
    ) from missing

__all__ = ["ffi", "functions", "lib"]


def functions(structure: str, address_of: Callable[[str], int | None]) -> Any:  # noqa: ANN401 - a C structure
    """Make one of `kernels.h`'s structures of another library's functions, to be kept as long as it is used.

    Args:
        structure: Its name.
        address_of: Gives the address of the function for a field.
    """
    fields = ffi.typeof(structure).fields
    return ffi.new(f"{structure} *", {name: ffi.cast(field.type, address_of(name)) for name, field in fields})
