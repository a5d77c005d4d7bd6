"""Where commands store downloads and the data of started processes: in the checkout, or if installed, in the home."""

from pathlib import Path

#: The checkout that contains this code; None in an installation.
CHECKOUT = Path(__file__).resolve().parents[1] if __package__ == "infra" else None


def cache_directory() -> Path:
    """The directory for downloads."""
    return Path.home() / ".cache" / "hotel-audio" if CHECKOUT is None else CHECKOUT / ".build"


def state_directory() -> Path:
    """The directory for data and logs of processes that commands start, unless a setting names another one."""
    return Path.home() / ".local" / "state" / "hotel-audio" if CHECKOUT is None else CHECKOUT / ".run"
