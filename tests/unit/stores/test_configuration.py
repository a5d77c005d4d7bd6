import re
from pathlib import Path

import pytest

from streams.stores import Credentials, FixedSecret, StoresConfiguration
from streams.stores.configuration import BucketLocation, DirectoryLocation, parse_locations


def test_a_store_is_a_bucket_with_its_endpoints_or_a_directory() -> None:
    text = "s3://calls?endpoint=http://10.0.0.1:9000&endpoint=https://store-2&region=eu-central-1 file:///srv/a%20b"
    assert parse_locations(text) == (
        BucketLocation("calls", ("http://10.0.0.1:9000", "https://store-2"), "eu-central-1"),
        DirectoryLocation(Path("/srv/a b")),
    )


def test_a_bucket_without_an_endpoint_is_amazons() -> None:
    assert parse_locations("s3://calls") == (BucketLocation("calls"),)


def test_a_stores_uri_is_what_references_begin_with() -> None:
    locations = parse_locations("s3://calls?region=x file:///srv/a%20b")
    assert [location.uri for location in locations] == ["s3://calls", "file:///srv/a%20b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no store"),
        ("/srv/calls", "must begin with s3:// or file://"),
        ("https://store/calls", "must begin with s3:// or file://"),
        ("file://srv/calls", "file:///absolute/path"),
        ("file:///srv/../etc", "file:///absolute/path"),
        ("file:///", "root directory"),
        ("s3://Calls", "3 to 63 characters"),
        ("s3://key:secret@calls", "the account has its own settings"),
        ("s3://calls/2026", "only ?endpoint=...&region=... may follow"),
        ("s3://calls?endpoint=10.0.0.1:9000", "http://host:port"),
        ("s3://calls?endpoint=http://10.0.0.1:port", "http://host:port"),
        ("s3://calls?endpoint=http://store/calls", "http://host:port"),
        ("s3://calls?endpoint=http://key:secret@store", "must not have an account"),
        ("s3://calls?endpoint=http://store&endpoint=http://store", "given twice"),
        ("s3://calls?region=a&region=b", "given twice"),
        ("s3://calls?secret=abc", "only endpoint= and region= are known"),
        ("s3://calls?endpoint=http://a s3://calls?endpoint=http://b", "names s3://calls twice"),
    ],
)
def test_what_is_wrong_is_said_without_what_may_be_secret(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as raised:
        parse_locations(text)
    assert "secret@" not in str(raised.value)
    assert "abc" not in str(raised.value)


def test_one_key_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="only one of them"):
        StoresConfiguration.parse("s3://calls", access_key=FixedSecret("somebody"))


def test_nothing_shows_the_keys() -> None:
    credentials = Credentials(FixedSecret("somebody"), FixedSecret("hidden"))
    configuration = StoresConfiguration(parse_locations("s3://calls"), credentials)
    assert "somebody" not in repr(configuration)
    assert "hidden" not in repr(configuration)
    assert "hidden" not in repr(FixedSecret("hidden"))
