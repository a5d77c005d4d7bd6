import re
from pathlib import Path
from typing import get_args

import pytest

from schemas import Stage
from schemas.refusals import CATALOGUE
from scripts.commands import refusals as command
from tests.support.rejection_sites import rejection_sites

ROOT = Path(__file__).parents[3]
MADE = list(rejection_sites(*(ROOT / folder for folder in ("schemas", "streams", "agents"))))
#: Expressions instead of literal codes: read from a dead letter, received from a decoder process, an error's name,
#: constants of another module.
NOT_IN_THE_TEXT = {"reader.text(CODE)", "code", "str(description['code'])", "type(error).__name__", "CRASHED", "LATE"}


def test_the_page_says_what_the_catalogue_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    page = (ROOT / "docs/REFUSALS.md").read_text()
    assert capsys.readouterr().out == page, "run ./scripts/refusals > docs/REFUSALS.md"


def test_every_code_that_can_be_made_is_in_the_catalogue_and_nothing_else() -> None:
    made = {code: one.place for one in MADE for code in one.codes}
    catalogue = {one.code for one in CATALOGUE}
    assert {code: place for code, place in made.items() if code not in catalogue} == {}, "add it to schemas/refusals"
    assert catalogue - made.keys() == set(), "no longer made: remove it from schemas/refusals"


def test_every_place_that_makes_a_rejection_is_understood() -> None:
    unread = [f"{one.place}: {one.text}" for one in MADE if not one.codes and one.text not in NOT_IN_THE_TEXT]
    assert unread == [], "give the code as text, so that it can be held against the catalogue"
    assert {code for one in MADE for code in one.codes} >= {"MissingHeader", "DecoderTimeout", "ProcessingTimeout"}


def test_a_code_occurs_once_and_says_what_to_do() -> None:
    assert len({one.code for one in CATALOGUE}) == len(CATALOGUE)
    for one in CATALOGUE:
        assert one.stage in get_args(Stage)
        assert re.fullmatch(r"[A-Z][A-Za-z]+", one.code)
        assert one.rule.endswith(".")
        assert one.remedy.endswith(".")
        assert "|" not in one.rule + one.remedy


def test_the_codes_named_in_troubleshooting_are_in_the_catalogue() -> None:
    section = (
        (ROOT / "docs/TROUBLESHOOTING.md").read_text().partition("## There are dead letters")[2].partition("\n## ")[0]
    )
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", section))
    assert named
    assert named <= {one.code for one in CATALOGUE}
