"""Every reason that a worker gives is explained to who runs the demo."""

import re

from streams.compression.reasons import explained
from tests.chaos.workers import ROOT


def test_every_reason_is_explained() -> None:
    sources = [path.read_text() for path in (ROOT / "streams" / "compression").glob("*.py")]
    plan = (ROOT / "streams" / "compression" / "plan.py").read_text()
    reasons = {*re.findall(r'reason ?=?=? ?f?"([a-z ()]+?)(?: \{|")', plan), *re.findall(r', "([a-z ()]+)"\),', plan)}
    reasons |= {
        name
        for text in sources
        for line in re.findall(r"^_SMALLER, _LOSSY = (.*)", text, re.MULTILINE)
        for name in re.findall(r'"([^"]+)"', line)
    }
    assert {"default", "fax", "silence", "tones", "load (level)", "load (effort)", "format limit"} <= reasons
    assert [reason for reason in sorted(reasons) if explained(reason) == reason] == []


def test_a_reason_with_a_level_is_explained_and_an_unknown_one_stays() -> None:
    assert explained("policy ceiling 3") == "the hotel's policy allows no higher level"
    assert explained("something new") == "something new"
    assert explained(None) == "the worker did not say"
