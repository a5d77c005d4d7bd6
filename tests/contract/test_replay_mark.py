"""The mark of an input that was sent again, as the document has it."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import yaml

from schemas import Position
from schemas.replay_mark import ReplayMark
from tests.support.events import LETTER

DOCUMENT: dict[str, Any] = yaml.safe_load((files("schemas") / "asyncapi.yaml").read_text(encoding="utf-8"))
MESSAGE = DOCUMENT["components"]["messages"]["replayMark"]


def test_the_example_is_the_mark_of_its_dead_letter() -> None:
    original = replace(LETTER.original, timestamp_ms=1769851800000)
    letter = replace(LETTER, original=original, position=Position("audio.raw", 3, 1042))
    record = ReplayMark.of(letter, "3:1207").to_record()
    [example] = MESSAGE["examples"]
    assert json.loads(record.value or b"") == example["payload"]
    jsonschema.validate(example["payload"], DOCUMENT["components"]["schemas"]["replayMark"])
    assert (record.key or b"").decode() in example["summary"]


def test_every_key_has_the_documented_form() -> None:
    for time in (None, 1769851800000):
        letter = replace(LETTER, original=replace(LETTER.original, timestamp_ms=time))
        key = ReplayMark.of(letter, "3:1207").key.decode()
        assert re.fullmatch(MESSAGE["bindings"]["kafka"]["key"]["pattern"], key)
