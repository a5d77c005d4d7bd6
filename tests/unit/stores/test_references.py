import pytest

from schemas import Rejection
from streams.stores.reference import ObjectReference, content_key, parse_reference

STORES = ("s3://calls", "file:///srv/a%20b")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("s3://calls/sha256/ab/abcd", ObjectReference("s3://calls", "sha256/ab/abcd")),
        ("s3://calls/2026%2001/%C3%A4.wav", ObjectReference("s3://calls", "2026 01/ä.wav")),
        ("file:///srv/a%20b/x/y.wav", ObjectReference("file:///srv/a%20b", "x/y.wav")),
    ],
)
def test_a_reference_is_read_and_written_again(text: str, reference: ObjectReference) -> None:
    assert parse_reference(text, STORES) == reference
    assert reference.text == text


def test_a_directorys_path_is_its_bucket() -> None:
    assert ObjectReference("file:///srv/a%20b", "x").bucket == "/srv/a b"
    assert ObjectReference("s3://calls", "x").bucket == "calls"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "calls/x",
        "https://store/calls/x",
        "s3://other/x",
        "s3://calls",
        "s3://calls/",
        "s3://calls2/x",
        "s3://CALLS/x",
        "s3://key:secret@calls/x",
        "s3://calls/../other/x",
        "s3://calls/a/%2e%2e/x",
        "s3://calls/a//x",
        "s3://calls/./x",
        "s3://calls/x?versionId=1",
        "s3://calls/x#part",
        "s3://calls/%00",
        "s3://calls/a%5Cb",
        "s3://calls/%ff",
        f"s3://calls/{'x' * 1025}",
        "file:///etc/passwd",
        "file:///srv/a%20b/../../etc/passwd",
        "file:///srv/a%20bc/x",
        "file://srv/a%20b/x",
        "s3://[::1/x",
    ],
)
def test_anything_else_is_forbidden(text: str) -> None:
    result = parse_reference(text, STORES)
    assert isinstance(result, Rejection)
    assert (result.stage, result.code, result.field) == ("fetch", "ForbiddenReference", "ce_dataref")
    assert "\n" not in result.reason


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:secret@calls/x",
        "https://key:secret@store/x",
        "s3://calls/x?X-Amz-Signature=secret",
        "https://store/calls/x?X-Amz-Signature=secret#secret",
        "s3://calls/x#secret",
    ],
)
def test_a_reason_shows_no_account_and_no_signature(text: str) -> None:
    result = parse_reference(text, STORES)
    assert isinstance(result, Rejection)
    assert "secret" not in result.reason
    assert "..." in result.reason


def test_content_is_stored_under_its_digest() -> None:
    assert content_key("abcd") == "sha256/ab/abcd"
