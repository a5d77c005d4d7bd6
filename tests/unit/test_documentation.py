import re
from dataclasses import fields
from pathlib import Path

import pytest

from streams.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md")


def test_every_setting_is_in_the_readme_and_nothing_else() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert documented == list(VARIABLES)
    assert {field for field, _ in VARIABLES.values()} == {field.name for field in fields(Settings)}


def test_documented_defaults_are_the_defaults() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)` )?\|", (ROOT / "README.md").read_text(), re.MULTILINE)
    documented = Settings.from_environment({name: default for name, default in rows if default})
    assert documented == Settings()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_the_documents_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    paths = re.findall(r"`((?:agents|docs|infra|schemas|scripts|streams|tests)/[\w./-]+)`", text)
    paths += re.findall(r"\]\(([\w./]+)\)", text)
    paths += re.findall(r"\./(scripts/\w+)", text)
    assert paths
    base = (ROOT / document).parent
    assert [path for path in paths if not (ROOT / path).exists() and not (base / path).exists()] == []
