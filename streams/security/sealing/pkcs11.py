"""A key store in a token of a PKCS#11 module, such as a hardware security module.

The key of an epoch is a secret of the token that cannot be taken out. Its label is ``NAME:ID:EPOCH``, with the key
store's id in hex. What wraps data keys is the HMAC-SHA256 of a fixed text under it, computed in the token.
"""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from streams.security.sealing.key_store import (
    EPOCH_KEY_BYTES,
    FIRST_EPOCH,
    INDEX_EPOCH,
    STORE_ID_BYTES,
    KeyStoreError,
)
from streams.security.sealing.pkcs11_address import Pkcs11Address
from streams.security.sealing.pkcs11_session import session_of

if TYPE_CHECKING:
    import pkcs11
    from pkcs11.types import SignMixin

_TEXT = b"hotel-audio: key of an epoch, 1"
#: The end of a label while nobody uses the key yet.
_CLAIM = ":claim"
_LABEL_END = re.compile(rf":([0-9a-f]{{{2 * STORE_ID_BYTES}}}):([0-9]+)")


class Pkcs11Store:
    """A `KeyStore` in a token. Several processes on several machines may use it at once.

    Args:
        address: Where the keys are; `Pkcs11Store.make` makes them.
        pin: Returns the PIN of the token's user; raises KeyStoreError if there is none.

    Attributes:
        id: See `KeyStore.id`.

    Raises:
        KeyStoreError: If the token cannot be used, or has no key store of this name, or several.
    """

    def __init__(self, address: Pkcs11Address, pin: Callable[[], str]) -> None:
        self._address = address
        self._pin = pin
        self.id = b""
        with session_of(address, pin) as session:
            self._keys(session)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address})"

    @classmethod
    def make(cls, address: Pkcs11Address, pin: Callable[[], str]) -> "Pkcs11Store":
        """Make a key store with an index key and the key of the first epoch.

        Raises:
            KeyStoreError: If there is one of this name already, or the token cannot be written.
        """
        store_id = os.urandom(STORE_ID_BYTES)
        with session_of(address, pin) as session:
            if _labelled(session, address.name):
                raise KeyStoreError(f"{address}: is there already, and is left as it is")
            prefix = f"{address.name}:{store_id.hex()}:"
            # The index key is the last, and a key store without it is none.
            made = [_generate(session, f"{prefix}{epoch}") for epoch in (FIRST_EPOCH, INDEX_EPOCH)]
            if any(not label.startswith(prefix) for label, _ in _labelled(session, address.name)):
                for key in made:
                    key.destroy()
                raise KeyStoreError(f"{address}: somebody else has made one at the same time")
        return cls(address, pin)

    def epochs(self) -> tuple[int, ...]:
        """See `KeyStore.epochs`."""
        with session_of(self._address, self._pin) as session:
            return tuple(sorted(epoch for epoch in self._keys(session) if epoch != INDEX_EPOCH))

    def create(self, epoch: int) -> None:
        """See `KeyStore.create`.

        A token has no lock for two that make the same epoch. So each makes its key as a claim, and looks for others
        before the key gets its label: at least one of them sees the other, and takes its claim back.
        """
        import pkcs11  # noqa: PLC0415  see pkcs11_session

        label = f"{self._address.name}:{self.id.hex()}:{epoch}"
        with session_of(self._address, self._pin) as session:
            self._refuse_unless_later(session, epoch)
            claim = _generate(session, label + _CLAIM)
            try:
                self._refuse_unless_later(session, epoch)
                self._refuse_other_claims(session, label + _CLAIM)
            except KeyStoreError:
                claim.destroy()
                raise
            claim[pkcs11.Attribute.LABEL] = label

    def read(self, epoch: int) -> bytes:
        """See `KeyStore.read`."""
        import pkcs11  # noqa: PLC0415  see pkcs11_session

        with session_of(self._address, self._pin) as session:
            key = self._keys(session).get(epoch)
            if key is None:
                raise KeyStoreError(f"{self._address}: has no key of epoch {epoch}")
            return cast("SignMixin", key).sign(_TEXT, mechanism=pkcs11.Mechanism.SHA256_HMAC)

    def destroy(self, epoch: int) -> None:
        """See `KeyStore.destroy`. The newest epoch stays, because nothing else would show that it was there."""
        if epoch == INDEX_EPOCH:
            raise ValueError("the index key outlives all epochs")
        with session_of(self._address, self._pin) as session:
            keys = self._keys(session)
            if epoch == max(keys):
                raise KeyStoreError(
                    f"{self._address}: epoch {epoch} is the newest, and is not destroyed before another"
                )
            if key := keys.get(epoch):
                key.destroy()

    def _refuse_unless_later(self, session: "pkcs11.Session", epoch: int) -> None:
        newest = max(self._keys(session))
        if epoch <= newest:
            raise KeyStoreError(f"{self._address}: epoch {epoch} is not later than {newest}, which is there")

    def _refuse_other_claims(self, session: "pkcs11.Session", claim: str) -> None:
        if sum(label == claim for label, _ in _labelled(session, self._address.name)) > 1:
            raise KeyStoreError(
                f"{self._address}: somebody else makes this epoch; if that ended early, remove {claim} from the token"
            )

    def _keys(self, session: "pkcs11.Session") -> "dict[int, pkcs11.SecretKey]":
        """The keys by their epochs, if they are all of one key store, the same as before."""
        keys: dict[int, pkcs11.SecretKey] = {}
        for label, key in _labelled(session, self._address.name):
            match = _LABEL_END.fullmatch(label.removeprefix(self._address.name))
            if match is None:
                continue
            self.id = self.id or bytes.fromhex(match[1])
            if bytes.fromhex(match[1]) != self.id:
                raise KeyStoreError(f"{self._address}: has keys of another installation; give each its object=NAME")
            if int(match[2]) in keys:
                raise KeyStoreError(f"{self._address}: has two keys of epoch {match[2]}")
            keys[int(match[2])] = key
        if INDEX_EPOCH not in keys:
            raise KeyStoreError(
                f"{self._address}: the token has no key store of this name, or one that is not complete"
            )
        return keys


def _labelled(session: "pkcs11.Session", name: str) -> "list[tuple[str, pkcs11.SecretKey]]":
    """All secrets of the token whose labels begin with a name, with their labels."""
    from pkcs11 import Attribute, KeyType, ObjectClass  # noqa: PLC0415  see pkcs11_session

    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET}
    found = [(str(key[Attribute.LABEL]), cast("pkcs11.SecretKey", key)) for key in session.get_objects(wanted)]
    return [(label, key) for label, key in found if label.startswith(f"{name}:")]


def _generate(session: "pkcs11.Session", label: str) -> "pkcs11.SecretKey":
    """A new random secret of the token that cannot be taken out, and can only sign."""
    from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag  # noqa: PLC0415  see pkcs11_session

    return session.generate_key(
        KeyType.GENERIC_SECRET,
        8 * EPOCH_KEY_BYTES,
        label=label,
        store=True,
        capabilities=MechanismFlag.SIGN,
        mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
        template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
    )
