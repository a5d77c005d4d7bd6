from typing import cast

import pytest

from streams.stores.failures import ARCHIVED, CHANGED, EMPTY, FORBIDDEN, MISSING, ObjectFault
from streams.stores.pool import Pool
from streams.stores.reading import ObjectReader, ObjectRefusedError
from streams.stores.reference import ObjectReference


class Faulty:
    """A pool whose operations tell what is wrong with the object."""

    def __init__(self, fault: ObjectFault) -> None:
        self._fault = fault

    def run(self, _name: str, _operation: object) -> ObjectFault:
        return self._fault


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (MISSING, "ObjectMissing"),
        (ARCHIVED, "ObjectArchived"),
        (FORBIDDEN, "ForbiddenObject"),
        (CHANGED, "ObjectChanged"),
    ],
)
def test_what_is_wrong_with_an_object_is_a_refusal_of_its_reference(fault: ObjectFault, code: str) -> None:
    reader = ObjectReader(cast("Pool", Faulty(fault)), ObjectReference("s3://calls", "key"), None)
    with pytest.raises(ObjectRefusedError) as raised:
        list(reader.parts(None))
    assert (raised.value.rejection.stage, raised.value.rejection.code) == ("fetch", code)
    assert "s3://calls/key" in raised.value.rejection.reason


def test_an_empty_object_has_no_bytes() -> None:
    reader = ObjectReader(cast("Pool", Faulty(EMPTY)), ObjectReference("s3://calls", "key"), None)
    assert b"".join(reader.parts(None)) == b""
