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
_REASONS = {
    Missing.ERASED: "its key was erased, and nobody can open it any more",
    Missing.EXPIRED: "its key has expired, and nobody can open it any more",
    Missing.UNKNOWN: "its key has never been in the topic of keys",
    Missing.NO_ACCESS: "there is no access to its key: the key store is missing, or is of another installation",
    Missing.STALE: "whether its key was erased meanwhile is not known now, as the topic of keys could not be read",
}


def missing_rejection(missing: Missing, field: str) -> Rejection:
    """The answer where something is sealed and its key is not there.

    Args:
        missing: Why.
        field: The header that leads to what is sealed.
    """
    return Rejection("open", _CODES[missing], field, f"what it names is sealed, and {_REASONS[missing]}")


def no_keys(key_id: bytes) -> DataKey | Missing:  # noqa: ARG001  it is a `FindKey`
    """Find no key at all: there is no access to any."""
    return Missing.NO_ACCESS
