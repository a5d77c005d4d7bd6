"""Key stores by their addresses."""

from pathlib import Path
from urllib.parse import unquote

from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.slot_file import SlotFile

_FILE = "file://"


def key_store_path(address: str) -> Path:
    """The file of an address, ``file:///path``.

    Raises:
        ValueError: If it is of another form.
    """
    path = Path(unquote(address.removeprefix(_FILE)))
    if not address.startswith(_FILE) or not path.is_absolute():
        raise ValueError(f"must be {_FILE} and an absolute path")
    return path


def key_store_at(address: str) -> KeyStore:
    """Open the key store of an address, as the setting AUDIO_KEY_STORE has it.

    Raises:
        ValueError: If the address is of another form.
        KeyStoreError: If there is no key store, or it cannot be used.
    """
    return SlotFile(key_store_path(address))


def make_key_store(address: str) -> KeyStore:
    """Make the key store of an address.

    Raises:
        ValueError: If the address is of another form.
        KeyStoreError: If there is something already, or it cannot be made.
    """
    return SlotFile.make(key_store_path(address))
