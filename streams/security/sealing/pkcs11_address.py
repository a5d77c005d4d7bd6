"""Addresses of key stores behind PKCS#11: URIs of RFC 7512. Pure."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

SCHEME = "pkcs11:"
#: The name of the installation's keys in the token, where the address has no ``object``.
DEFAULT_NAME = "hotel-audio"

_PATH = frozenset({"token", "serial", "object"})
_QUERY = frozenset({"module-path", "pin-source"})
_FILE = "file:"
_PIN_VALUE = re.compile(r"(pin-value=)[^&;]*")


@dataclass(frozen=True, slots=True)
class Pkcs11Address:
    """Where an installation's keys are.

    Attributes:
        module: The module's library, an absolute path.
        token: The token's label.
        serial: Its serial number, to tell tokens of the same label apart; None for any.
        name: What the keys' labels begin with: several installations may share a token under different names.
        pin_file: The file with the user's PIN; None if the PIN comes another way.
    """

    module: Path
    token: str
    serial: str | None = None
    name: str = DEFAULT_NAME
    pin_file: Path | None = None

    def __str__(self) -> str:
        return f"token {self.token}, keys {self.name}"


def parse_pkcs11(address: str) -> Pkcs11Address:
    """Read ``pkcs11:token=LABEL[;serial=S][;object=NAME]?module-path=/PATH[&pin-source=file:/PATH]``.

    Raises:
        ValueError: If it is of another form, or has attributes beside these. The text shows no value of them.
    """
    path, _, query = address.removeprefix(SCHEME).partition("?")
    given = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
    if not address.startswith(SCHEME) or not given.get("token") or "module-path" not in given:
        raise ValueError(f"must be {SCHEME}token=LABEL?module-path=/PATH")
    name = given.get("object", DEFAULT_NAME)
    if not name:
        raise ValueError("object must be a name, or be left out")
    pin_source = given.get("pin-source")
    return Pkcs11Address(
        _absolute("module-path", given["module-path"]),
        given["token"],
        given.get("serial"),
        name,
        None if pin_source is None else _pin_file(pin_source),
    )


def without_pin(address: str) -> str:
    """An address for messages: a PIN that somebody has written into it is not shown."""
    return _PIN_VALUE.sub(r"\1...", address)


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise ValueError(
                "pin-value would show the PIN to everybody who sees the address; use pin-source=file:/PATH"
            )
        if name not in known or not equals:
            raise ValueError(f"may have {', '.join(sorted(known))} there, separated by {separator}")
        if name in found:
            raise ValueError(f"has {name} twice")
        found[name] = unquote(value, errors="strict")
    return found


def _pin_file(source: str) -> Path:
    if not source.startswith(_FILE):
        raise ValueError(f"pin-source must be {_FILE} and an absolute path")
    return _absolute("pin-source", source.removeprefix(_FILE).removeprefix("//"))


def _absolute(attribute: str, text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError(f"{attribute} must be an absolute path")
    return path
