"""The media type of an input's audio, from its ``content-type`` header."""

import re
from dataclasses import dataclass
from functools import lru_cache

from schemas.rejection import Rejection
from schemas.text import shown

L16 = "audio/L16"
SLIN = "audio/x-slin"
PCMU = "audio/PCMU"
PCMA = "audio/PCMA"
GSM = "audio/GSM"
G722 = "audio/G722"
WAV = "audio/wav"
FLAC = "audio/flac"
OGG = "audio/ogg"
MPEG = "audio/mpeg"

MIN_RATE = 8_000
MAX_RATE = 48_000
MAX_CHANNELS = 2

_HEADER = "content-type"
_SAMPLE_BYTES = {L16: 2, SLIN: 2, PCMU: 1, PCMA: 1}
_KNOWN = {name.lower(): name for name in (L16, SLIN, PCMU, PCMA, GSM, G722, WAV, FLAC, OGG, MPEG)}
#: Rates that may be given of types with one rate; RTP's clock of G.722 is 8000 Hz, and its audio has 16000 (RFC 3551).
_NOMINAL_RATES = {GSM: ("8000",), G722: ("8000", "16000")}
_ALIASES = {
    "audio/x-gsm": GSM,
    "audio/x-wav": WAV,
    "audio/wave": WAV,
    "audio/vnd.wave": WAV,
    "audio/x-flac": FLAC,
    "audio/mp3": MPEG,
}
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*")
_PARAMETER = re.compile(
    rf';[ \t]*(?:({_NAME})[ \t]*=[ \t]*(?:({_NAME})|"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)")[ \t]*)?'
)
_INTEGER = re.compile(r"[0-9]{1,9}")
_SUFFIXES = {FLAC: "flac", OGG: "ogg", MPEG: "mp3", WAV: "wav"}
_CACHED_PARSES = 256  # media types: senders use few, and repeat them with every segment


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type that this product accepts. An instance is always valid.

    Raw audio has no header of its own, so the parameters describe the bytes:

    - ``audio/L16`` and ``audio/x-slin`` need ``rate``; without ``channels`` they are mono, as RFC 2586 and
      RFC 3551 define.
    - ``audio/PCMU`` and ``audio/PCMA`` are 8000 Hz and mono by default, as RFC 3551 defines.
    - ``audio/GSM`` (06.10, frames of 33 bytes, 8000 Hz) and ``audio/G722`` (64 kbit/s, 16000 Hz) are mono and have one
      rate each. It may be left out; of G.722 it may be given as 8000 as well, as RFC 3551 does, which means the same.
    - Files (``audio/wav`` and the like) have a header of their own: parameters are kept and ignored.

    Attributes:
        type: One of the constants of this module, in that spelling.
        parameters: Pairs of lower-case name and value, in the sender's order.

    Raises:
        ValueError: For an unknown type or a rate or channel count that `parse` would reject.
    """

    type: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        problem = _problem(self.type, dict(self.parameters))
        if problem is not None:
            raise ValueError(problem.message)

    @staticmethod
    @lru_cache(_CACHED_PARSES)
    def parse(text: str) -> "MediaType | Rejection":
        """Read a ``content-type`` header.

        Case of the type and of parameter names, blanks and quotes do not matter. Common aliases such as
        ``audio/x-wav`` are replaced by the contract's name.

        Args:
            text: The header's text.

        Returns:
            The media type, or a `Rejection` of the field ``content-type`` that names the parameter and gives an
            example.
        """
        split = split_media_type(text)
        if split is None:
            return Rejection(
                "contract",
                "MalformedMediaType",
                _HEADER,
                f"{shown(text)} is not a media type with parameters that occur once each; "
                "write it like audio/L16;rate=8000;channels=1",
            )
        name, parameters = split
        canonical = _KNOWN.get(name.lower()) or _ALIASES.get(name.lower()) or name
        return _problem(canonical, dict(parameters)) or MediaType(canonical, parameters)

    @property
    def is_raw(self) -> bool:
        """Whether the bytes are samples only, without a file header, and need no decoder."""
        return self.type in _SAMPLE_BYTES

    @property
    def rate(self) -> int | None:
        """Sampling rate of raw audio in Hz; None where the file's header or the codec has it."""
        return int(dict(self.parameters).get("rate", "8000")) if self.is_raw else None

    @property
    def channels(self) -> int | None:
        """Number of interleaved channels of raw audio; None where the file's header or the codec has it."""
        return int(dict(self.parameters).get("channels", "1")) if self.is_raw else None

    @property
    def frame_bytes(self) -> int | None:
        """Size of a sample frame of raw audio (one sample of every channel) in bytes; else None."""
        return _SAMPLE_BYTES[self.type] * (self.channels or 1) if self.is_raw else None

    def __str__(self) -> str:
        return self.type + "".join(f";{name}={_quoted(value)}" for name, value in self.parameters)


def split_media_type(text: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """Split any media type into its name as written and its parameters with lower-case names; None if malformed."""
    head = _TYPE.match(text)
    if head is None:
        return None
    parameters: dict[str, str] = {}
    at = head.end()
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            return None
        at = match.end()
        name, token, quoted = match.groups()
        if name is None:  # a stray semicolon: RFC 9110 asks recipients to tolerate it
            continue
        if name.lower() in parameters:
            return None
        parameters[name.lower()] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
    return head.group(1), tuple(parameters.items())


def file_suffix(content_type: str) -> str:
    """The suffix of a file of a media type, without its dot; ``bin`` for what is no file that we know."""
    media_type = MediaType.parse(content_type)
    return _SUFFIXES.get(media_type.type, "bin") if isinstance(media_type, MediaType) else "bin"


def _problem(name: str, parameters: dict[str, str]) -> Rejection | None:
    if name not in _KNOWN.values():
        return Rejection(
            "contract",
            "UnsupportedMediaType",
            _HEADER,
            f"{shown(name)} is not taken in; send one of {', '.join(_KNOWN.values())}",
        )
    if name not in _SAMPLE_BYTES:
        return _nominal_problem(name, parameters) if name in _NOMINAL_RATES else None
    example = f"{name};rate=8000;channels=1"
    rate = parameters.get("rate", None if name in {L16, SLIN} else "8000")
    if rate is None:
        return Rejection("contract", "BadRate", _HEADER, f"rate is missing and {name} needs it; for example {example}")
    if not _within(rate, MIN_RATE, MAX_RATE):
        rule = f"rate={shown(rate)} must be a whole number of Hz from {MIN_RATE} to {MAX_RATE}"
        return Rejection("contract", "BadRate", _HEADER, f"{rule}; for example {example}")
    channels = parameters.get("channels", "1")
    if not _within(channels, 1, MAX_CHANNELS):
        rule = f"channels={shown(channels)} must be a whole number from 1 to {MAX_CHANNELS}"
        return Rejection("contract", "BadChannels", _HEADER, f"{rule}; for example {example}")
    return None


def _nominal_problem(name: str, parameters: dict[str, str]) -> Rejection | None:
    rates = _NOMINAL_RATES[name]
    rate = parameters.get("rate", rates[0])
    if rate not in rates:
        rule = f"rate={shown(rate)} must be {' or '.join(rates)}, or left out"
        return Rejection("contract", "BadRate", _HEADER, f"{rule}; for example {name}")
    channels = parameters.get("channels", "1")
    if channels != "1":
        rule = f"channels={shown(channels)} must be 1, or left out; send a record for each channel"
        return Rejection("contract", "BadChannels", _HEADER, f"{rule}; for example {name}")
    return None


def _within(text: str, low: int, high: int) -> bool:
    return _INTEGER.fullmatch(text) is not None and low <= int(text) <= high


def _quoted(value: str) -> str:
    if re.fullmatch(_NAME, value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
