"""Names of files and directories for hotels, calls and their segments, whose ids come from outside."""

import hashlib
import re
import unicodedata
from pathlib import Path

from schemas import CompressedAudio
from schemas.media_type import file_suffix

_LONGEST_BYTES = 120  # in UTF-8; file systems allow 255, and suffixes follow
_RESERVED = set('/\\:*?"<>|~')
_DIGEST_DIGITS = 16


def safe_name(text: str) -> str:
    """A name of one file or directory for any text: different texts get different names.

    Letters of all languages stay. Other characters than letters, digits, spaces and the usual punctuation are replaced,
    and the name is cut to 120 bytes; a digest of the text then makes it unique.

    Returns:
        The text itself if it is a good name, otherwise one that ends in ``~`` and 16 hexadecimal digits.
    """
    plain = "".join(one if one.isprintable() and one not in _RESERVED else "_" for one in text)
    plain = unicodedata.normalize("NFC", re.sub(r"^[ .\-]+|[ .]+$", "", plain))
    plain = plain.encode()[:_LONGEST_BYTES].decode(errors="ignore")
    if text and plain == text:
        return plain
    return f"{plain or '_'}~{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:_DIGEST_DIGITS]}"


def call_directory(directory: Path, hotel_id: str, call_id: str) -> Path:
    """The directory of a call: ``DIRECTORY/HOTEL/CALL``."""
    return directory / safe_name(hotel_id) / safe_name(call_id)


def segment_name(result: CompressedAudio, track: str) -> str:
    """The name of a segment's file: ``TRACK-SEQUENCE`` with its format's suffix.

    A segment without a number has the offset of its input instead, as in ``guest-o17.ogg``.
    """
    number = f"o{result.position.offset}" if result.sequence is None else str(result.sequence)
    return f"{track}-{number}.{file_suffix(result.content_type)}"
