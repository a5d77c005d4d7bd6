"""Times on the command line."""

import argparse
import re
import time
from datetime import UTC, datetime

_AGO = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def time_option(text: str) -> int:
    """Parse a time to milliseconds since the epoch: ``2026-11-30T08:00`` in UTC, or ``2h`` for 2 h ago."""
    if ago := _AGO.fullmatch(text):
        return round((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        wanted = "write 2026-11-30T08:00 (UTC), or 2h for 2 h ago"
        raise argparse.ArgumentTypeError(f"{text!r} is no time_option; {wanted}") from None
    return round((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)
