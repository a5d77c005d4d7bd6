import subprocess
import sys
from pathlib import Path

import pkcs11
import pytest

from streams.security.sealing.key_store import FIRST_EPOCH, INDEX_EPOCH, KeyStoreError
from streams.security.sealing.key_stores import key_store_at, make_key_store
from streams.security.sealing.pkcs11_address import parse_pkcs11
from streams.security.sealing.pkcs11_session import meaning_of, session_of
from tests.support.softhsm import MODULE, PIN, SoftHsm


def secrets(address: str) -> list[pkcs11.SecretKey]:
    """All secrets of a token."""
    with session_of(parse_pkcs11(address), lambda: PIN) as session:
        return list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}))  # type: ignore[arg-type]  # the stubs name no class


def test_no_key_can_be_taken_out(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    store = make_key_store(address)
    store.create(2)
    assert len(secrets(address)) == 3
    for key in secrets(address):
        assert not key[pkcs11.Attribute.EXTRACTABLE]
        assert key[pkcs11.Attribute.NEVER_EXTRACTABLE]
        assert key[pkcs11.Attribute.PRIVATE]
        with pytest.raises(pkcs11.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]


def test_labels_have_the_installations_id(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    store = make_key_store(address)
    labels = {key.label for key in secrets(address)}
    assert labels == {f"hotel-audio:{store.id.hex()}:{epoch}" for epoch in (INDEX_EPOCH, FIRST_EPOCH)}


def test_installations_share_a_token_under_different_names(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    other = address.replace("?", ";object=other?")
    one, two = make_key_store(address), make_key_store(other)
    assert (key_store_at(address).id, key_store_at(other).id) == (one.id, two.id)
    assert one.id != two.id


def test_the_pin_is_given_or_in_a_file_and_not_both(softhsm: SoftHsm) -> None:
    address = softhsm.new_address(pin=None)
    with pytest.raises(KeyStoreError, match="AUDIO_KEY_STORE_PIN_FILE"):
        make_key_store(address)
    made = make_key_store(address, lambda: PIN)
    assert key_store_at(address, lambda: PIN).id == made.id
    with pytest.raises(KeyStoreError, match="leave one of them out"):
        make_key_store(softhsm.new_address(), lambda: PIN)


def test_a_refused_pin_is_not_tried_again_until_it_changes(softhsm: SoftHsm) -> None:
    address = softhsm.new_address(pin=None)
    with pytest.raises(KeyStoreError, match="refuses the PIN"):
        key_store_at(address, lambda: "wrong")
    softhsm.delete(parse_pkcs11(address).token)  # so that the answer shows whether the token is asked
    with pytest.raises(KeyStoreError, match="refuses the PIN"):
        key_store_at(address, lambda: "wrong")
    with pytest.raises(KeyStoreError, match="is not there"):
        key_store_at(address, lambda: PIN)


def test_the_right_pin_works_after_a_wrong_one(softhsm: SoftHsm) -> None:
    address = softhsm.new_address(pin=None)
    with pytest.raises(KeyStoreError, match="refuses the PIN"):
        make_key_store(address, lambda: "wrong")
    assert make_key_store(address, lambda: PIN).epochs() == (1,)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (pkcs11.PinLocked(), "has locked the PIN"),
        (pkcs11.PinExpired(), "has expired"),
        (pkcs11.UserPinNotInitialized(), "no user's PIN"),
        (pkcs11.DeviceRemoved(), "not in its slot"),
        (pkcs11.TokenWriteProtected(), "cannot be written"),
        (pkcs11.DeviceMemory(), "is full"),
        (pkcs11.MechanismInvalid(), "SHA256-HMAC"),
        (pkcs11.GeneralError(), "/module.so fails with GeneralError"),
        (pkcs11.PKCS11Error("what it says"), "/module.so: what it says"),
    ],
)
def test_errors_of_tokens_say_what_to_do(error: pkcs11.PKCS11Error, text: str) -> None:
    assert text in meaning_of(error, "/module.so")


def test_a_missing_module_and_one_that_is_none_are_told(tmp_path: Path) -> None:
    none = tmp_path / "none.so"
    none.write_bytes(b"no library")
    for module, text in ((tmp_path / "missing.so", "cannot open shared object"), (none, "file too short|invalid ELF")):
        with pytest.raises(KeyStoreError, match=text):
            key_store_at(f"pkcs11:token=any?module-path={module}", lambda: PIN)


def test_a_missing_token_is_told(softhsm: SoftHsm) -> None:
    with pytest.raises(KeyStoreError, match="token is not there"):
        key_store_at(f"pkcs11:token=missing?module-path={MODULE}", lambda: PIN)


def test_a_token_that_vanishes_is_told(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    store = make_key_store(address)
    softhsm.delete(parse_pkcs11(address).token)
    with pytest.raises(KeyStoreError, match="has no key store"):
        store.epochs()
    for use in (store.epochs, lambda: store.read(1), lambda: store.create(2), lambda: store.destroy(1)):
        with pytest.raises(KeyStoreError, match="is not there"):
            use()


def test_another_installations_keys_in_its_place_are_told(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    store = make_key_store(address)
    for key in secrets(address):
        key.destroy()
    make_key_store(address)
    with pytest.raises(KeyStoreError, match="another installation"):
        store.epochs()


def test_a_claim_of_somebody_else_is_respected(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    store = make_key_store(address)
    index = secrets(address)[0]
    index.copy({pkcs11.Attribute.LABEL: f"hotel-audio:{store.id.hex()}:2:claim"})
    with pytest.raises(KeyStoreError, match="somebody else makes this epoch"):
        store.create(2)
    assert store.epochs() == (1,)
    assert len(secrets(address)) == 3  # its own claim is taken back


def test_the_newest_epoch_is_not_destroyed(softhsm: SoftHsm) -> None:
    store = make_key_store(softhsm.new_address())
    with pytest.raises(KeyStoreError, match="the newest"):
        store.destroy(1)
    assert store.epochs() == (1,)


def test_other_processes_have_the_same_keys(softhsm: SoftHsm) -> None:
    address = softhsm.new_address()
    store = make_key_store(address)
    program = (
        "import sys; from streams.security.sealing.key_stores import key_store_at;"
        "store = key_store_at(sys.argv[1]); store.create(2); print(store.id.hex(), store.read(2).hex())"
    )
    done = subprocess.run([sys.executable, "-c", program, address], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [store.id.hex(), store.read(2).hex()]
    assert store.epochs() == (1, 2)
