"""Names of objects in the archive, for hotels and calls whose ids come from outside. Pure.

All of them are below ``archive/HOTEL/DATE/CALL/``. The date is the day, in UTC, on which a broker appended the result
to its topic: it is the same however often the record is read, whatever the sender's clock says.
"""

import hashlib
import re
from datetime import UTC, date, datetime
from typing import NamedTuple
from urllib.parse import quote

from schemas import Position

#: What the names of all objects of the archive begin with.
ROOT = "archive/"
MANIFEST = "manifest.json"
ENTRY_SUFFIX = ".json"

_LONGEST = 120  # characters of an encoded id: file systems allow 255 bytes, and S3 1024 for the whole name
_DIGEST_DIGITS = 16
_CUT_ESCAPE = re.compile(r"%.?$")


class CallDay(NamedTuple):
    """The results of a call that were written on one day, which share a directory of the archive.

    Attributes:
        hotel_id: The hotel.
        day: The day, in UTC.
        call_id: The call.
    """

    hotel_id: str
    day: date
    call_id: str

    @property
    def directory(self) -> str:
        """What the names of its objects begin with, with a slash at the end."""
        return f"{day_directory(self.hotel_id, self.day)}{encoded(self.call_id)}/"


def day_directory(hotel_id: str, day: date) -> str:
    """What the names of a hotel's objects of one day begin with, with a slash at the end."""
    return f"{ROOT}{encoded(hotel_id)}/{day.isoformat()}/"


def day_of(appended_ms: int) -> date:
    """The day in UTC of a broker's time in milliseconds since the epoch."""
    return datetime.fromtimestamp(appended_ms / 1000, UTC).date()


def encoded(text: str) -> str:
    """A hotel or call id as one part of a name: percent-encoded, so that different ids have different names.

    Letters, digits, ``-``, ``_`` and dots after the first character stay. An id whose encoding is longer than 120
    characters is cut, and followed by ``~`` and a digest of all of it.
    """
    whole = quote(text, safe="").replace("~", "%7E")
    if whole.startswith("."):  # neither . nor .. nor a hidden file
        whole = f"%2E{whole[1:]}"
    if len(whole) <= _LONGEST:
        return whole
    return f"{_CUT_ESCAPE.sub('', whole[: _LONGEST - 1 - _DIGEST_DIGITS])}~{_digest(text)}"


def stem(position: Position, result_id: str) -> str:
    """The name of a result in its directory, without a suffix: names in order are results in the order of the topic.

    It names one record, also if the topic is made again and counts its offsets anew.

    Args:
        position: The result's place in the topic ``audio.compressed``.
        result_id: Its ``ce_id``.
    """
    return f"{position.partition:05}-{position.offset:019}-{_digest(result_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
