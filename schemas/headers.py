"""Names of the headers (CloudEvents 1.0 over Kafka), and functions that read and write their values."""

import re
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime

from schemas.record import Headers
from schemas.rejection import Rejection
from schemas.text import CONTROL, shown

SPEC_VERSION = "ce_specversion"
ID = "ce_id"
SOURCE = "ce_source"
TYPE = "ce_type"
TIME = "ce_time"
CONTENT_TYPE = "content-type"
DATA_REF = "ce_dataref"
DATA_BYTES = "ce_databytes"
HOTEL_ID = "ce_hotelid"
CALL_ID = "ce_callid"
CHANNEL = "ce_channel"
STREAM_ID = "ce_streamid"
SEQUENCE = "ce_sequence"
LOST_MS = "ce_lostms"
FINAL = "ce_final"
GUEST_REF = "ce_guestref"
CAUSATION_ID = "ce_causationid"
CAUSATION_SOURCE = "ce_causationsource"
LEVEL = "ce_level"
CODEC = "ce_codec"
ORIGINAL_BYTES = "ce_originalbytes"
DURATION_MS = "ce_durationms"
SAMPLE_RATE = "ce_samplerate"
AUDIO_CHANNELS = "ce_audiochannels"
QUALITY = "ce_quality"
CACHE = "ce_cache"
PCM_SHA256 = "ce_pcmsha256"
SHA256 = "ce_sha256"
ENCODER = "ce_encoder"
CORRECTED_TYPE = "ce_correctedtype"
REPAIRED = "ce_repaired"
REASON = "ce_reason"
ARCHIVE = "ce_archive"
TRACE_PARENT = "ce_traceparent"
TRACE_STATE = "ce_tracestate"
SEAL = "ce_seal"
SEAL_KEY = "ce_sealkey"
SEALED_HEADERS = "ce_sealedheaders"
SOURCE_TOPIC = "ce_sourcetopic"
SOURCE_PARTITION = "ce_sourcepartition"
SOURCE_OFFSET = "ce_sourceoffset"

MAX_ID = 255
MAX_STREAM_ID = MAX_ID + 16  # room for the default, a call id with its channel
MAX_GUEST_REF = 128
MAX_TEXT = 1024
MAX_DATA_REF = 2048
MAX_INTEGER = 2**31 - 1  # CloudEvents integers are 32 bits wide
MAX_OFFSET = 2**63 - 1

_INTEGER = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,17})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OPAQUE = re.compile(r"[A-Za-z0-9._:~=-]+")
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
#: How the content type begins in structured mode, where the whole event is in the value.
_STRUCTURED = b"application/cloudevents"


class HeaderReader:
    """Reads typed values from a record's headers and remembers the first broken rule.

    After a broken rule, methods return placeholder values. So a caller reads all values and then checks `problem`
    once: if it is None, every value is valid.

    Attributes:
        problem: The first broken rule, or None.
    """

    def __init__(self, headers: Headers) -> None:
        self.problem: Rejection | None = None
        self._values: dict[str, bytes | None] = dict(headers)
        if CONTENT_TYPE not in self._values:
            headers = self._find_content_type(headers)
        if len(self._values) < len(headers):
            self._refuse_duplicates(headers)

    @property
    def is_structured(self) -> bool:
        """Whether the content type says structured mode: the whole event is in the record's value."""
        content_type = self._values.get(CONTENT_TYPE)
        return content_type is not None and content_type[: len(_STRUCTURED)].lower() == _STRUCTURED

    def refuse(self, code: str, field: str, reason: str) -> None:
        """Remember a broken rule, unless an earlier one is known."""
        self.problem = self.problem or Rejection("contract", code, field, reason)

    def has(self, name: str) -> bool:
        """Whether the header exists and has a value: some clients write unset attributes as headers without a value."""
        return self._values.get(name) is not None

    def exactly(self, name: str, expected: str) -> None:
        """Check that the header has one fixed text."""
        text = self.text(name)
        if text != expected:
            self.refuse("WrongHeader", name, f"is {shown(text)} and must be {expected}")

    def text(self, name: str, longest: int = MAX_TEXT) -> str:
        """Read a required text of 1 to ``longest`` characters, without control characters."""
        text = self.prose(name)
        if not 1 <= len(text) <= longest:
            self._malformed(name, text, f"must be 1 to {longest} characters long")
        elif CONTROL.search(text):
            self._malformed(name, text, "must not contain control characters")
        return text

    def prose(self, name: str) -> str:
        """Read a required text of any length, with any characters."""
        value = self._values.get(name)
        if value is None:
            self.refuse("MissingHeader", name, "has no value" if name in self._values else "is required and missing")
            return ""
        try:
            return value.decode()
        except UnicodeDecodeError:
            self.refuse("MalformedHeader", name, "must be UTF-8")
            return ""

    def optional_text(self, name: str, longest: int = MAX_TEXT) -> str | None:
        """As `text`; None if the header is absent."""
        return self.text(name, longest) if self.has(name) else None

    def passed_on(self, name: str) -> str | None:
        """Read a text that is copied to the result; None if it is absent or breaks the rules of `text`."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return None
        return text if 1 <= len(text) <= MAX_TEXT and not CONTROL.search(text) else None

    def guest_ref(self) -> str | None:
        """Read whose call it is: an opaque reference without blanks or ``@``, as names and addresses have; or None."""
        text = self.optional_text(GUEST_REF, MAX_GUEST_REF)
        if text is not None and not _OPAQUE.fullmatch(text):
            self._malformed(GUEST_REF, text, "must be an opaque reference of letters, digits and . _ : ~ = -")
        return text

    def data_ref(self) -> str | None:
        """Read where the audio lies, as a URI; None if it is the record's value."""
        if not self.has(DATA_REF):
            return None
        return self.uri_reference(DATA_REF, MAX_DATA_REF, "s3://recordings/2026/call-1.wav")

    def one_of(self, name: str, allowed: Collection[str]) -> str:
        """Read a required text out of a fixed set."""
        text = self.text(name)
        if text not in allowed:
            self._malformed(name, text, f"must be one of {', '.join(sorted(allowed))}")
        return text

    def uri_reference(self, name: str, longest: int = MAX_TEXT, example: str = "/pbx/lobby or urn:pbx:1") -> str:
        """Read a required URI-reference (RFC 3986), as CloudEvents requires for a source."""
        text = self.text(name, longest)
        if not _URI_REFERENCE.fullmatch(text):
            self._malformed(name, text, f"must be a URI-reference such as {example}")
        return text

    def integer(self, name: str, low: int = 0, high: int = MAX_INTEGER) -> int:
        """Read a required whole number in decimal digits, from ``low`` to ``high``."""
        text = self.text(name)
        if _INTEGER.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        self._malformed(name, text, f"must be a whole number from {low} to {high}")
        return low

    def optional_integer(self, name: str, low: int = 0, high: int = MAX_INTEGER) -> int | None:
        """As `integer`; None if the header is absent."""
        return self.integer(name, low, high) if self.has(name) else None

    def number(self, name: str, low: float, high: float) -> float:
        """Read a required decimal number without exponent, from ``low`` to ``high``."""
        text = self.text(name)
        if _NUMBER.fullmatch(text) and low <= float(text) <= high:
            return float(text)
        self._malformed(name, text, f"must be a decimal number from {low} to {high}")
        return low

    def digest(self, name: str) -> str:
        """Read a required SHA-256 digest in lower-case hex."""
        text = self.text(name)
        if not _DIGEST.fullmatch(text):
            self._malformed(name, text, "must be 64 lower-case hex digits")
        return text

    def flag(self, name: str) -> bool:
        """Read ``true`` or ``false``; false if the header is absent."""
        return self.has(name) and self.one_of(name, ("true", "false")) == "true"

    def optional_time(self, name: str) -> datetime | None:
        """Read an RFC 3339 time, converted to UTC and truncated to microseconds; None if the header is absent."""
        if not self.has(name):
            return None
        text = self.text(name)
        if _TIME.fullmatch(text.upper()):
            try:
                return datetime.fromisoformat(text.upper()).astimezone(UTC)
            except (ValueError, OverflowError):  # no such day, or beyond the years 1 to 9999
                pass
        self._malformed(name, text, "must be an RFC 3339 time such as 2026-01-31T09:30:00Z, without a leap second")
        return None

    def _find_content_type(self, headers: Headers) -> Headers:
        """Accept a content type whose header name is written in another case, as is usual in HTTP."""
        headers = tuple((CONTENT_TYPE if name.lower() == CONTENT_TYPE else name, value) for name, value in headers)
        self._values = dict(headers)
        return headers

    def _refuse_duplicates(self, headers: Headers) -> None:
        counts = Counter(name for name, _ in headers if name.startswith("ce_") or name == CONTENT_TYPE)
        for name, count in counts.items():
            if count > 1:
                self.refuse("DuplicateHeader", name, f"occurs {count} times; send it once")

    def _malformed(self, name: str, text: str, rule: str) -> None:
        self.refuse("MalformedHeader", name, f"is {shown(text)} and {rule}")


def encoded(pairs: dict[str, str | int | None]) -> Headers:
    """Encode header values as UTF-8, in the given order, without those that are None."""
    return tuple((name, str(value).encode()) for name, value in pairs.items() if value is not None)


def time_text(value: datetime | None) -> str | None:
    """Format a time as RFC 3339 in UTC.

    Raises:
        ValueError: If the time has no time zone.
    """
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone: an event's time must be unambiguous")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def flag_text(value: bool) -> str | None:
    """Format a flag: ``true``, or None to omit the header, which means false."""
    return "true" if value else None


def number_text(value: float) -> str:
    """Format a number with two decimals."""
    return f"{value:.2f}"
