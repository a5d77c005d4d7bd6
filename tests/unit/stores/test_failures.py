import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, PreconditionError

from streams.stores.failures import ARCHIVED, CHANGED, EMPTY, MISSING, ObjectFault, StoreFault, fault_of

REQUEST = "Error performing GET http://10.0.0.1:9000/calls/key in 9.7ms - "
XML = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>of key AKIA...</Message></Error>"


def status(text: str, code: str = "") -> str:
    return f"{REQUEST}Server returned non-2xx status code: {text}: {XML.format(code) if code else ''}"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (FileNotFoundError(status("404 Not Found", "NoSuchKey")), MISSING),
        (FileNotFoundError(status("404 Not Found")), MISSING),
        (PreconditionError(status("412 Precondition Failed", "PreconditionFailed")), CHANGED),
        (PermissionDeniedError(status("403 Forbidden", "InvalidObjectState")), ARCHIVED),
        (GenericError(status("416 Range Not Satisfiable", "InvalidRange")), EMPTY),
        (GenericError("source: InvalidRange { source: StartTooLarge { requested: 0, length: 0 } }"), EMPTY),
    ],
)
def test_what_is_wrong_with_the_object(error: Exception, fault: ObjectFault) -> None:
    assert fault_of(error) == fault


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(status("404 Not Found", "NoSuchBucket")), "has no such bucket"),
        (GenericError(status("404 Not Found", "NoSuchBucket")), "has no such bucket"),
        (GenericError(status("500 Internal Server Error")), "answers with the error 500"),
        (GenericError(status("507 Insufficient Storage")), "is full (507)"),
        (GenericError(f"{REQUEST}HTTP error: error sending request: ConnectionRefused"), "refuses connections"),
        (GenericError(f"{REQUEST}HTTP error: request timed out: TimedOut"), "does not answer in time"),
        (GenericError("Unable to write: Os { code: 28 } (os error 28)"), "fails: No space left on device"),
        (GenericError("something new"), "gives an answer that is not understood"),
    ],
)
def test_what_is_wrong_with_the_store(error: Exception, reason: str) -> None:
    fault = fault_of(error)
    assert isinstance(fault, StoreFault)
    assert fault.reason == reason
    assert not fault.credentials


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "ExpiredToken", "InvalidAccessKeyId", "AccessDenied"])
def test_a_refused_account_is_said_without_its_name(code: str) -> None:
    for kind in (PermissionDeniedError, GenericError):
        fault = fault_of(kind(status("403 Forbidden", code)))
        assert isinstance(fault, StoreFault)
        assert fault.credentials
        assert f"403 {code}" in fault.reason
        assert "AKIA" not in fault.reason


def test_a_directory_that_may_not_be_read_is_no_matter_of_accounts() -> None:
    fault = fault_of(PermissionDeniedError("Unable to open file (os error 13)"))
    assert fault == StoreFault("fails: Permission denied", refused=True)
