"""What the AsyncAPI document says of references is what is served."""

import pytest

from schemas import RawAudio
from tests.contract.test_asyncapi import documented
from tests.contract.test_structured import content_of, structured
from tests.support.events import RAW_BY_REFERENCE


@pytest.mark.parametrize(
    "member",
    [
        {},
        {"dataref": "s3://bucket"},
        {"dataref": ""},
        {"dataref": 5},
        {"dataref": "a b"},
        {"dataref": "s3://bucket/" + "k" * 2036},
        {"dataref": "s3://bucket/" + "k" * 2037},
        {"sha256": "5f"},
        {"sha256": "A" * 64},
        {"data_base64": "AAAA"},
    ],
)
def test_a_member_beside_a_reference_is_served_if_the_document_allows_it_and_only_then(
    member: dict[str, object],
) -> None:
    content = content_of(RAW_BY_REFERENCE) | member
    assert documented("rawAudioEvent", content) == isinstance(RawAudio.from_record(structured(content)), RawAudio)
