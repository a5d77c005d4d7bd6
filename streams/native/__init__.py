"""Inner loops in C: one call processes a whole clip, without the interpreter's lock.

This package has the functions that iterate over samples, or would otherwise be dozens of calls for a clip; decisions
are made elsewhere. `kernels.h` declares all functions.

Raises:
    ImportError: On import, if it is not compiled.
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

# cffi makes the type of a function when it is first used. Two threads that do so at once end the process.
for _name in dir(lib):
    getattr(lib, _name)


def functions(structure: str, address_of: Callable[[str], int | None]) -> Any:  # noqa: ANN401 - a C structure
    """Fill one of `kernels.h`'s structures with the functions of another library. Keep it as long as it is used.

    Args:
        structure: Name of the structure.
        address_of: Returns the address of the function for a field's name.
    """
    fields = ffi.typeof(structure).fields
    return ffi.new(f"{structure} *", {name: ffi.cast(field.type, address_of(name)) for name, field in fields})
