from pathlib import Path

import pytest

from streams.security.sealing.key_store import KeyStoreError
from streams.security.sealing.key_stores import key_store_at, key_store_path, make_key_store


def test_a_key_store_is_found_by_its_address(tmp_path: Path) -> None:
    address = f"file://{tmp_path}/a%20b/keys"
    with pytest.raises(KeyStoreError, match="No such file"):
        key_store_at(address)
    made = make_key_store(address)
    assert key_store_at(address).id == made.id
    assert (tmp_path / "a b" / "keys").stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyStoreError, match="is there already"):
        make_key_store(address)


@pytest.mark.parametrize("address", ["", "/keys", "file://keys", "http://host/keys", "file:/keys"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        key_store_path(address)
