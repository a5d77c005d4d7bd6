"""The type of a function that patches the product."""

from collections.abc import Callable

#: ``setattr``, or a function that can undo it, such as pytest's.
Patch = Callable[[object, str, object], None]
