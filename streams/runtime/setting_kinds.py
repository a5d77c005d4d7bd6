"""The kinds of value that a setting may have: how its text is read, and how documents name it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

from streams.kafka.addresses import HIGHEST_PORT, parse_brokers
from streams.security.client_address import parse_networks
from streams.stores.configuration import parse_locations
from streams.stores.credentials import FixedSecret, Secret, SecretFile
from streams.stores.reference import FILE as FILE_URI

T = TypeVar("T")
_Number = TypeVar("_Number", int, float)

_SIZE_UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
}  # fmt: skip
_SECONDS_UNITS = {"": 1.0, "S": 1.0, "MS": 0.001, "M": 60.0, "H": 3600.0}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_MOST_DIGITS = 30  # of a quantity: more than any of ours has, and far from what a float cannot hold
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
_KAFKA_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value.

    Attributes:
        value: What may be given, in a few words, with the unit of a number: ``seconds``.
        parse: Makes the value from its text; raises ValueError with what would be accepted.
        follow: Makes the value from the file of a secret, where a changed file is to be read again; None where the file
            is read once.
        shown: Makes what messages show of a text that cannot be used.
    """

    value: str
    parse: Callable[[str], T]
    follow: Callable[[Path], T] | None = None
    shown: Callable[[str], str] = str


def parse_size(text: str) -> int:
    """Bytes from a text such as ``512MB`` or ``8 MiB``."""
    number, unit = _quantity(text)
    if unit not in _SIZE_UNITS:
        raise ValueError("not a size; write for example 512MB or 8MiB")
    return int(number * _SIZE_UNITS[unit])


def parse_seconds(text: str) -> float:
    """Seconds from a text such as ``120s``, ``250ms``, ``5m`` or ``30``."""
    number, unit = _quantity(text)
    if unit not in _SECONDS_UNITS:
        raise ValueError("not a duration; write for example 120s, 250ms or 5m")
    return number * _SECONDS_UNITS[unit]


def number_of(things: str) -> Kind[int]:
    """A whole number of something, one or more.

    Args:
        things: What is counted, in the plural.
    """
    return Kind(things, _positive(_integer))


def one_of(*words: str) -> Kind[str]:
    """One of a few words, in whatever case it is written."""
    by_lower_case = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        if text.lower() not in by_lower_case:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return by_lower_case[text.lower()]

    return Kind(", ".join(f"`{word}`" for word in words), parse)


def _quantity(text: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError("not a number with an optional unit")
    if len(match[1]) > _MOST_DIGITS:
        raise ValueError("has too many digits")
    return float(match[1]), match[2].upper()


def _positive(parse: Callable[[str], _Number]) -> Callable[[str], _Number]:
    def parse_positive(text: str) -> _Number:
        value = parse(text)
        if value <= 0:
            raise ValueError("must be greater than zero")
        return value

    return parse_positive


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("not a whole number") from None


def _port(text: str) -> int:
    value = _integer(text)
    if not 0 <= value <= HIGHEST_PORT:
        raise ValueError(f"not a port; must be between 0 and {HIGHEST_PORT}")
    return value


def _ordinal(text: str) -> int:
    value = _integer(text)
    if value < 0:
        raise ValueError("must be 0 or more")
    return value


def _replicas_source(text: str) -> str:
    if not text.startswith(("https://", "/")):
        raise ValueError("must be a URL that begins with https://, or a file's absolute path")
    return text


def _level(text: str) -> int | None:
    if text.lower() == "auto":
        return None
    if text not in {"1", "2", "3", "4", "5"}:
        raise ValueError("must be auto or a level from 1 to 5")
    return int(text)


def _token(text: str) -> str:
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("must be 16 or more letters, digits or any of -._~+/=")
    return text


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a character that is no text, such as a line's end, a byte order mark, or not UTF-8")
    return text


def _host(text: str) -> str:
    host = text.removeprefix("[").removesuffix("]")
    if _HOST_NAME.fullmatch(host) is None and not _is_address(host):
        raise ValueError("not an address or a host name; write for example 127.0.0.1, 0.0.0.0 or ::1")
    return host


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _kafka_name(text: str) -> str:
    if _KAFKA_NAME.fullmatch(text) is None:
        raise ValueError("may hold only letters, digits, dots, underscores and dashes")
    return text


def _stores(text: str) -> str:
    parse_locations(in_home(text, Path("/home")))
    return text


def home_directory() -> Path:
    """The account's home directory; the root directory, where it cannot write, for an account that has none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def in_home(text: str, home: Path) -> str:
    """The text of AUDIO_STORES with the home directory in the place of ``~``."""
    return text.replace(f"{FILE_URI}~/", f"{FILE_URI}{quote(str(home).rstrip('/'))}/")


def _secret(text: str) -> Secret:
    return FixedSecret(_text(text))


BROKERS = Kind("`host:port[,host:port...]`", parse_brokers)
KAFKA_NAME = Kind("name", _kafka_name)
KAFKA_PREFIX = Kind(KAFKA_NAME.value, lambda text: text and _kafka_name(text))
HOST = Kind("address or host name", _host)
PORT = Kind("port", _port)
ORDINAL = Kind("number from 0", _ordinal)
REPLICAS_SOURCE = Kind("`https://` URL of a StatefulSet's scale, or file", _replicas_source)
DIRECTORY = Kind("directory", Path)
FILE = Kind("file", Path)
TEXT = Kind("text", _text)
SIZE = Kind("bytes", _positive(parse_size))
DURATION = Kind("seconds", _positive(parse_seconds))
LEVEL = Kind("`auto`, or `1` to `5`", _level)
NETWORKS = Kind("addresses or networks, with commas", parse_networks)
STORES = Kind("URIs, separated by blanks", _stores)
FOLLOWED_SECRET: Kind[Secret] = Kind("text", _secret, SecretFile)
TOKEN = Kind("16 or more characters", _token)
