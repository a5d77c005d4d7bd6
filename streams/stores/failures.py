"""What went wrong in an operation of obstore's: the object's fault, or the store's in plain words.

obstore tells most errors apart only in their text, which quotes addresses and answers; none of it is passed on.
"""

import errno
import os
import re
from dataclasses import dataclass

from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

#: What an operation of obstore's raises: its own errors, and OSError (FileNotFoundError for a missing object).
OBSTORE_ERRORS = (BaseError, OSError)

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_OS_ERROR = re.compile(r"os error (\d{1,4})")
_REFUSED = {"401", "403"}
_OF_OBJECT = {"400", "403"}  # statuses that are also given for one object alone
_OF_FILE = {str(errno.EACCES), str(errno.EPERM)}  # errors that a directory also gives for one file alone
_CONNECTION = (
    ("TimedOut", "does not answer in time"),
    ("kind: Timeout", "does not answer in time"),
    ("ConnectionRefused", "refuses connections"),
    ("dns error", "has an address that cannot be resolved"),
    ("certificate", "has a certificate that cannot be trusted"),
    ("kind: Connect", "cannot be reached"),
    ("IncompleteMessage", "closed the connection before its answer was complete"),
    ("ConnectionReset", "closed the connection before its answer was complete"),
)


@dataclass(frozen=True, slots=True)
class ObjectFault:
    """The object is not as it was named.

    Attributes:
        kind: Whether there is none, it has no content, it was replaced meanwhile, it has to be restored first, or it is
            refused while others are given.
    """

    kind: str


@dataclass(frozen=True, slots=True)
class StoreFault:
    """The store did not do its part.

    Attributes:
        reason: Why, in plain words that follow the store's name.
        credentials: Whether it refused the account.
        refused: Whether it refused the request as such, which may be for the object that it named: its own access
            list, or a key that it is encrypted with.
    """

    reason: str
    credentials: bool = False
    refused: bool = False


MISSING, EMPTY, CHANGED = ObjectFault("missing"), ObjectFault("empty"), ObjectFault("changed")
ARCHIVED, FORBIDDEN = ObjectFault("archived"), ObjectFault("forbidden")


class StoreFaultError(Exception):
    """An answer that a store must not give, found by whoever read it; the pool treats it like an error of obstore's.

    Args:
        fault: What is wrong.
    """

    def __init__(self, fault: StoreFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def fault_of(error: Exception) -> ObjectFault | StoreFault:
    """Tell what went wrong.

    Args:
        error: What an operation raised: one of `OBSTORE_ERRORS`, or `StoreFaultError`.
    """
    if isinstance(error, StoreFaultError):
        return error.fault
    text = str(error)
    status, code = _found(_STATUS, text), _found(_CODE, text)
    return _object_fault(error, text, status, code) or _store_fault(error, text, status, code)


def _object_fault(error: Exception, text: str, status: str | None, code: str | None) -> ObjectFault | None:
    if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
        return MISSING
    if code == "InvalidObjectState":  # a 403 as well, but of this object alone
        return ARCHIVED
    if isinstance(error, PreconditionError):
        return CHANGED
    return EMPTY if status == "416" or "StartTooLarge" in text else None


def _store_fault(error: Exception, text: str, status: str | None, code: str | None) -> StoreFault:
    if code == "NoSuchBucket":
        return StoreFault("has no such bucket")
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in _REFUSED
    if denied and status is not None:
        detail = f"{status} {code}" if code else status
        return StoreFault(
            f"refuses the account ({detail}): are its keys expired or wrong, or has it no such right?",
            credentials=True,
            refused=status in _OF_OBJECT,
        )
    of_file = status is None and _found(_OS_ERROR, text) in _OF_FILE
    return StoreFault(_reason(text, status), refused=of_file or status in _OF_OBJECT)


def _reason(text: str, status: str | None) -> str:
    if status is not None:
        return "is full (507)" if status == "507" else f"answers with the error {status}"
    if (number := _found(_OS_ERROR, text)) is not None and "HTTP error" not in text:
        return f"fails: {os.strerror(int(number))}"
    for mark, reason in _CONNECTION:
        if mark in text:
            return reason
    return "gives an answer that is not understood"


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return None if match is None else match[1]
