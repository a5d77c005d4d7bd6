"""Versions of installed distributions."""

from importlib.metadata import PackageNotFoundError, version

PRODUCT = "hotel-audio-streams"


def version_of(distribution: str = PRODUCT) -> str:
    """The version of an installed distribution; ``source`` where the product runs from a source tree."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "source"
