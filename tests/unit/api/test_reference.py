from pathlib import Path

from streams.api.openapi import document
from streams.api.reference import reference
from streams.api.routes import ROUTES

PAGE = Path(__file__).parents[3] / "docs" / "API_REFERENCE.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text() == reference(ROUTES), "./scripts/api --reference > docs/API_REFERENCE.md"


def test_every_operation_has_a_name_of_its_own_and_is_described() -> None:
    names = [one.name for one in ROUTES]
    assert len(set(names)) == len(names)
    assert all(one.summary and one.answers for one in ROUTES)


def test_every_schema_that_the_document_refers_to_is_in_it() -> None:
    made = document(ROUTES)
    text = str(made)
    for name in text.split("#/components/schemas/")[1:]:
        assert name.partition("'")[0] in made["components"]["schemas"]
