"""Where commands keep what they fetch and what they start: within a checkout, or in the home once installed."""

from pathlib import Path

#: The checkout that this code is in; None once it is installed.
CHECKOUT = Path(__file__).resolve().parents[1] if __package__ == "infra" else None


def cache_directory() -> Path:
    """The directory for what is fetched once."""
    return Path.home() / ".cache" / "hotel-audio" if CHECKOUT is None else CHECKOUT / ".build"


def state_directory() -> Path:
    """The directory for data and logs of processes that commands start, unless a setting names another one."""
    return Path.home() / ".local" / "state" / "hotel-audio" if CHECKOUT is None else CHECKOUT / ".run"
