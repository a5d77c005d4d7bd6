"""Why there is no key to open something with."""

import enum
from collections.abc import Callable

from schemas import Rejection
from streams.security.sealing.data_key import DataKey


class Missing(enum.Enum):
    """Why a key is not there."""

    ERASED = "erased"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    NO_ACCESS = "no access"
    STALE = "stale"


#: Returns the key of an id, or why there is none.
FindKey = Callable[[bytes], DataKey | Missing]

_CODES = {
    Missing.ERASED: "SealedErased",
    Missing.EXPIRED: "SealedExpired",
    Missing.UNKNOWN: "SealedUnknown",
    Missing.NO_ACCESS: "SealedNoAccess",
    Missing.STALE: "SealedStale",
}
#: The codes of what nobody will ever open again, as it was asked for.
GONE = frozenset({_CODES[Missing.ERASED], _CODES[Missing.EXPIRED]})
_REASONS = {
    Missing.ERASED: "leads to a key that was erased; nobody can open this any more",
    Missing.EXPIRED: "leads to a key that has expired; nobody can open this any more",
    Missing.UNKNOWN: "leads to a key that the topic of keys has never had",
    Missing.NO_ACCESS: (
        "leads to a key without access to it: the key store is missing or is of another installation, or the account"
        " may not read the topic of keys"
    ),
    Missing.STALE: "leads to a key that may have been erased meanwhile, as the topic of keys cannot be read",
}


def missing_rejection(missing: Missing, field: str) -> Rejection:
    """The answer where something is sealed and its key is not there.

    Args:
        missing: Why.
        field: The header that leads to what is sealed.
    """
    return Rejection("open", _CODES[missing], field, _REASONS[missing])


def no_keys(key_id: bytes) -> DataKey | Missing:  # noqa: ARG001  it is a `FindKey`
    """Find no key at all: there is no access to any."""
    return Missing.NO_ACCESS
