"""Key stores by their addresses."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from streams.security.opening import open_file
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.pkcs11 import Pkcs11Store
from streams.security.sealing.pkcs11_address import SCHEME, Pkcs11Address, parse_pkcs11
from streams.security.sealing.slot_file import SlotFile

_FILE = "file://"
_LARGEST_PIN = 256  # bytes


def parse_address(address: str) -> Path | Pkcs11Address:
    """The file of an address ``file:///path``, or what a ``pkcs11:`` URI says.

    Raises:
        ValueError: If it is of another form.
    """
    if address.startswith(SCHEME):
        return parse_pkcs11(address)
    path = Path(unquote(address.removeprefix(_FILE)))
    if not address.startswith(_FILE) or not path.is_absolute():
        raise ValueError(f"must be {_FILE} and an absolute path, or begin with {SCHEME}")
    return path


def key_store_at(address: str, pin: Callable[[], str | None] = lambda: None) -> KeyStore:
    """Open the key store of an address, as the setting AUDIO_KEY_STORE has it.

    Args:
        address: The address.
        pin: Returns the PIN of a PKCS#11 token; None to take it from the file that the address names.

    Raises:
        ValueError: If the address is of another form.
        KeyStoreError: If there is no key store, or it cannot be used.
    """
    place = parse_address(address)
    return SlotFile(place) if isinstance(place, Path) else Pkcs11Store(place, _pin_of(place, pin))


def make_key_store(address: str, pin: Callable[[], str | None] = lambda: None) -> KeyStore:
    """Make the key store of an address; the arguments are those of `key_store_at`.

    Raises:
        ValueError: If the address is of another form.
        KeyStoreError: If there is something already, or it cannot be made.
    """
    place = parse_address(address)
    return SlotFile.make(place) if isinstance(place, Path) else Pkcs11Store.make(place, _pin_of(place, pin))


def _pin_of(address: Pkcs11Address, given: Callable[[], str | None]) -> Callable[[], str]:
    def pin() -> str:
        text = given()
        if text and address.pin_file:
            raise KeyStoreError(f"{address}: has a pin-source, and a PIN is given beside it; leave one of them out")
        if text or address.pin_file is None:
            return text or _no_pin(address)
        return _pin_in(address.pin_file)

    return pin


def _no_pin(address: Pkcs11Address) -> str:
    raise KeyStoreError(f"{address}: needs the PIN of the token's user; set AUDIO_KEY_STORE_PIN_FILE")


def _pin_in(path: Path) -> str:
    try:
        with open_file(path) as file:
            return file.read(_LARGEST_PIN).decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise KeyStoreError(f"pin-source={path}: {error.strerror}") from None
    except ValueError as error:
        raise KeyStoreError(f"pin-source={path}: {error}") from None
