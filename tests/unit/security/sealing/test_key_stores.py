from pathlib import Path

import pytest

from streams.clients.errors import InvalidAddressError
from streams.clients.key_view import opener_of
from streams.runtime.sealing_settings import KeyStoreSettings
from streams.runtime.setting_declaration import SettingsError, read
from streams.security.sealing.key_store import KeyStoreError
from streams.security.sealing.key_stores import key_store_at, make_key_store, parse_address
from streams.security.sealing.pkcs11_address import Pkcs11Address


def test_a_file_is_found_by_its_address(tmp_path: Path) -> None:
    address = f"file://{tmp_path}/a%20b/keys"
    with pytest.raises(KeyStoreError, match="No such file"):
        key_store_at(address)
    made = make_key_store(address)
    assert key_store_at(address).id == made.id
    assert (tmp_path / "a b" / "keys").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("pkcs11:token=keys?module-path=/lib/p.so", Pkcs11Address(Path("/lib/p.so"), "keys")),
        ("pkcs11:token=a%20b%3Bc;serial=07;object=lisbon?module-path=/lib/p.so&pin-source=file:/run/pin",
         Pkcs11Address(Path("/lib/p.so"), "a b;c", "07", "lisbon", Path("/run/pin"))),
        ("pkcs11:serial=07;token=keys?pin-source=file:///run/a%20pin&module-path=/lib/p.so",
         Pkcs11Address(Path("/lib/p.so"), "keys", "07", pin_file=Path("/run/a pin"))),
    ],
)  # fmt: skip
def test_a_token_is_found_by_its_uri(address: str, meant: Pkcs11Address) -> None:
    assert parse_address(address) == meant


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "absolute path"),
        ("/keys", "absolute path"),
        ("file://keys", "absolute path"),
        ("http://host/keys", "absolute path"),
        ("file:/keys", "absolute path"),
        ("pkcs11:", "must be pkcs11:token="),
        ("pkcs11:token=keys", "must be pkcs11:token="),
        ("pkcs11:token=?module-path=/lib/p.so", "must be pkcs11:token="),
        ("pkcs11:token=keys?module-path=p.so", "module-path must be an absolute path"),
        ("pkcs11:token=keys;token=others?module-path=/lib/p.so", "token twice"),
        ("pkcs11:token=keys;object=?module-path=/lib/p.so", "object must be a name"),
        ("pkcs11:token=keys;slot-id=4?module-path=/lib/p.so", "may have object, serial, token"),
        ("pkcs11:token=keys?module-path=/lib/p.so&pin-source=|cat /run/pin", "pin-source must be file:"),
        ("pkcs11:token=keys?module-path=/lib/p.so&pin-source=file:pin", "pin-source must be an absolute path"),
        ("pkcs11:token=%ff?module-path=/lib/p.so", "decode"),
    ],
)
def test_an_address_of_another_form_is_refused(address: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_address(address)


def test_a_pin_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="pin-source=file") as refused:
        parse_address("pkcs11:token=keys?module-path=/lib/p.so&pin-value=8317")
    assert "8317" not in str(refused.value)
    address = "pkcs11:token=keys?pin-value=8317&module-path=/lib/p.so"
    with pytest.raises(SettingsError, match=r"AUDIO_KEY_STORE=pkcs11:.*pin-value=\.\.\.") as mistaken:
        read(KeyStoreSettings, {"AUDIO_KEY_STORE": address})
    with pytest.raises(InvalidAddressError, match="pin-source=file") as unusable:
        opener_of(address)
    assert "8317" not in f"{mistaken.value} {unusable.value}"


def test_a_pins_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for file, text in ((tmp_path / "missing", "No such file"), (tmp_path / "binary", "decode")):
        (tmp_path / "binary").write_bytes(b"\xff\xfe")
        with pytest.raises(KeyStoreError, match=text):
            key_store_at(f"pkcs11:token=keys?module-path=/lib/p.so&pin-source=file:{file}")
