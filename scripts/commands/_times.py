"""Times on the command line."""

import argparse
import re
import time
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DAYS_AGO = {"today": 0, "yesterday": 1}


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|today|yesterday", re.IGNORECASE)
_DAY_MS = 86_400_000


def end_option(text: str) -> int:
    """Parse the end of a time, as `time_option`; a day is meant with all of its hours."""
    return time_option(text) + (_DAY_MS if _DAY.fullmatch(text) else 0)


def time_option(text: str) -> int:
    """Parse a time to milliseconds since the epoch.

    Args:
        text: ``2026-11-30T08:00`` or ``2026-11-30`` in UTC (or with an offset such as ``+01:00``), ``today`` or
            ``yesterday`` for the beginning of that day in UTC, or ``2h`` for 2 h ago (also ``s``, ``m``, ``d``).
    """
    if (days := _DAYS_AGO.get(text.lower())) is not None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return round((midnight - timedelta(days=days)).timestamp() * 1000)
    if ago := _AGO.fullmatch(text):
        return round((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        wanted = "write 2026-11-30T08:00 (UTC), yesterday, today, or 2h for 2 h ago"
        raise argparse.ArgumentTypeError(f"{text!r} is no time; {wanted}") from None
    return round((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)
