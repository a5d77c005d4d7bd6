"""The settings of whoever seals, or opens what is sealed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streams.kafka.secret_text import latest
from streams.runtime.setting_declaration import setting
from streams.runtime.setting_kinds import TEXT, Kind, home_directory, in_home, one_of
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.key_stores import key_store_at, make_key_store, parse_address
from streams.security.sealing.pkcs11_address import without_pin

#: Values of AUDIO_SEALING and AUDIO_REQUIRE_SEALED_INPUT.
OFF, ON = "off", "on"
SWITCH = one_of(OFF, ON)


def _key_store(text: str) -> str:
    parse_address(in_home(text, Path("/home")))
    return text


#: An address of a key store.
KEY_STORE = Kind("URI", _key_store, shown=without_pin)
#: What AUDIO_KEY_STORE means, and what it is unless somebody sets it.
KEY_STORE_MEANING = (
    "the key store, which has the keys of the epochs: `file:///path`, or a `pkcs11:` URI; all that seals or opens needs"
    " the same one"
)
KEY_STORE_PIN_MEANING = "the PIN of the token's user, for a `pkcs11:` URI without `pin-source`"
DEFAULT_KEY_STORE = "file://~/.local/state/hotel-audio/keys"


@dataclass(frozen=True, slots=True)
class KeyStoreSettings:
    """Where the key store is, for programs that only open."""

    key_store: str = setting("AUDIO_KEY_STORE", KEY_STORE, KEY_STORE_MEANING, default=DEFAULT_KEY_STORE)
    key_store_pin: str | None = setting("AUDIO_KEY_STORE_PIN", TEXT, KEY_STORE_PIN_MEANING, secret=True)


class HasKeyStore(Protocol):
    """Settings with a key store.

    Attributes:
        key_store: Its address, as AUDIO_KEY_STORE has it.
        key_store_pin: The PIN of its token, if it is in one and the address names no file.
    """

    @property
    def key_store(self) -> str: ...  # noqa: D102  see the class

    @property
    def key_store_pin(self) -> str | None: ...  # noqa: D102  see the class


def key_store_address(settings: HasKeyStore) -> str:
    """The address of the key store, with the home directory in the place of ``~``."""
    return in_home(settings.key_store, home_directory())


def open_key_store(settings: HasKeyStore) -> KeyStore:
    """Open the key store that settings name.

    Raises:
        KeyStoreError: If there is none, or it cannot be used.
    """
    return key_store_at(key_store_address(settings), lambda: _pin(settings))


def new_key_store(settings: HasKeyStore) -> KeyStore:
    """Make the key store that settings name.

    Raises:
        KeyStoreError: If there is something already, or it cannot be made.
    """
    return make_key_store(key_store_address(settings), lambda: _pin(settings))


def _pin(settings: HasKeyStore) -> str | None:
    return None if settings.key_store_pin is None else latest(settings.key_store_pin)


def has_key_store(settings: HasKeyStore) -> bool:
    """Whether there is a key store that can be used."""
    try:
        open_key_store(settings)
    except KeyStoreError:
        return False
    return True
