"""The settings of whoever opens what is sealed."""

from dataclasses import dataclass
from pathlib import Path

from streams.runtime.setting_declaration import setting
from streams.runtime.setting_kinds import Kind, in_home
from streams.security.sealing.key_stores import key_store_path


def _key_store(text: str) -> str:
    key_store_path(in_home(text, Path("/home")))
    return text


@dataclass(frozen=True, slots=True)
class KeyStoreSettings:
    """Where the key store is."""

    key_store: str = setting(
        "AUDIO_KEY_STORE",
        Kind("URI", _key_store),
        "the key store, which has the keys of the epochs: `file:///path`; all that seals or opens needs the same one",
        default="file://~/.local/state/hotel-audio/keys",
    )
