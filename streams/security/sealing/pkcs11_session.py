"""Sessions with the tokens of PKCS#11 modules: logged in once for the process, and begun anew after any failure."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from streams.security.sealing.key_store import KeyStoreError
from streams.security.sealing.pkcs11_address import Pkcs11Address

if TYPE_CHECKING:
    import pkcs11

_INSTALL = "the package python-pkcs11 is missing: install hotel-audio-streams[pkcs11]"
_REFUSED_PIN = "refuses the PIN; it is not tried again before it changes, so that the token does not lock it"
#: What the errors of PKCS#11 mean to who operates the token, by their names.
_MEANING = {
    "PinIncorrect": _REFUSED_PIN,
    "PinInvalid": _REFUSED_PIN,
    "PinLenRange": _REFUSED_PIN,
    "PinLocked": "has locked the PIN after too many wrong ones; its security officer sets it again",
    "PinExpired": "says that the PIN has expired; set a new one",
    "UserPinNotInitialized": "has no user's PIN yet; its security officer sets it",
    "NoSuchToken": "is not there: the module has no token of this label and serial number",
    "MultipleTokensReturned": "is not the only one of its label; add ;serial=... to the address",
    "TokenNotPresent": "is not in its slot any more",
    "DeviceRemoved": "is not in its slot any more",
    "TokenWriteProtected": "cannot be written",
    "SessionReadOnly": "cannot be written by this user",
    "DeviceMemory": "is full",
    "MechanismInvalid": "cannot do what is needed: GENERIC-SECRET-KEY-GEN and SHA256-HMAC",
}
_REFUSALS = frozenset(name for name, meaning in _MEANING.items() if meaning == _REFUSED_PIN)

#: A module is initialised without locks of its own, and a login holds for the whole process: one thread at a time.
_lock = threading.RLock()
_sessions: "dict[tuple[str, str, str | None], pkcs11.Session]" = {}
_refused: dict[tuple[str, str, str | None], str] = {}


@contextmanager
def session_of(address: Pkcs11Address, pin: Callable[[], str]) -> "Iterator[pkcs11.Session]":
    """A session of the token's user that may write, for one thread at a time.

    Args:
        address: The module and the token.
        pin: Returns the user's PIN; asked for when a session begins. Raises KeyStoreError.

    Raises:
        KeyStoreError: If the module or the token cannot be used, or whatever is done in the session fails. The next
            session logs in again.
    """
    try:
        import pkcs11  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise KeyStoreError(f"{address}: {_INSTALL}") from None
    module = str(address.module)
    with _lock:
        try:
            yield _open(address, pin)
        except pkcs11.PKCS11Error as error:
            _forget(module)
            raise KeyStoreError(f"{address}: {meaning_of(error, module)}") from None
        except KeyStoreError:  # what was found may be of a token that is gone, which a module shows on as an empty one
            _forget(module)
            raise


def meaning_of(error: Exception, module: str) -> str:
    """What an error of python-pkcs11 means, in words that say what to do where that is known."""
    name = type(error).__name__
    if meaning := _MEANING.get(name):
        return f"the token {meaning}"
    if loading := str(error).removeprefix(f"OS exception while loading {module}: "):
        return loading if loading.startswith(module) else f"{module}: {loading}"
    return f"{module} fails with {name}"


def _open(address: Pkcs11Address, pin: Callable[[], str]) -> "pkcs11.Session":
    import pkcs11  # noqa: PLC0415  see session_of

    place = (str(address.module), address.token, address.serial)
    if session := _sessions.get(place):
        return session
    secret = pin()
    if _refused.get(place) == secret:
        raise KeyStoreError(f"{address}: the token {_REFUSED_PIN}")
    try:
        token = _token(address)
        _sessions[place] = session = token.open(rw=True, user_pin=secret)
    except pkcs11.PKCS11Error as error:
        if type(error).__name__ in _REFUSALS:
            _refused[place] = secret
        raise
    _refused.pop(place, None)
    return session


def _token(address: Pkcs11Address) -> "pkcs11.Token":
    """The token; a module learns of tokens that are new, or gone, only when it is initialised again."""
    import pkcs11  # noqa: PLC0415  see session_of

    module = str(address.module)
    serial = address.serial.encode() if address.serial is not None else None
    with suppress(pkcs11.PKCS11Error):
        return pkcs11.lib(module).get_token(token_label=address.token, token_serial=serial)
    _forget(module)
    return pkcs11.lib(module).get_token(token_label=address.token, token_serial=serial)


def _forget(module: str) -> None:
    """End the module's sessions and logins, whatever state they are in."""
    import pkcs11  # noqa: PLC0415  see session_of

    for place in [place for place in _sessions if place[0] == module]:
        del _sessions[place]
    with suppress(pkcs11.PKCS11Error):
        pkcs11.lib(module).finalize()
