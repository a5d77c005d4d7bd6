"""How a bug gets into the product."""

from collections.abc import Callable

#: ``setattr``, or what undoes it later.
Patch = Callable[[object, str, object], None]
