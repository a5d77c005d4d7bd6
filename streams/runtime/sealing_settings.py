"""The settings of whoever seals, or opens what is sealed."""

from dataclasses import dataclass
from pathlib import Path

from streams.runtime.setting_declaration import setting
from streams.runtime.setting_kinds import Kind, home_directory, in_home, one_of
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.key_stores import key_store_at, key_store_path

#: Values of AUDIO_SEALING and AUDIO_REQUIRE_SEALED_INPUT.
OFF, ON = "off", "on"
SWITCH = one_of(OFF, ON)


def _key_store(text: str) -> str:
    key_store_path(in_home(text, Path("/home")))
    return text


#: An address of a key store.
KEY_STORE = Kind("URI", _key_store)
#: What AUDIO_KEY_STORE means, and what it is unless somebody sets it.
KEY_STORE_MEANING = (
    "the key store, which has the keys of the epochs: `file:///path`; all that seals or opens needs the same one"
)
DEFAULT_KEY_STORE = "file://~/.local/state/hotel-audio/keys"


@dataclass(frozen=True, slots=True)
class KeyStoreSettings:
    """Where the key store is, for programs that only open."""

    key_store: str = setting("AUDIO_KEY_STORE", KEY_STORE, KEY_STORE_MEANING, default=DEFAULT_KEY_STORE)


def open_key_store(address: str) -> KeyStore:
    """Open the key store of an address, as AUDIO_KEY_STORE has it.

    Raises:
        KeyStoreError: If there is none, or it cannot be used.
    """
    return key_store_at(in_home(address, home_directory()))


def has_key_store(address: str) -> bool:
    """Whether there is a key store that can be used."""
    try:
        open_key_store(address)
    except KeyStoreError:
        return False
    return True
