"""One language: the field's words, which docs/GLOSSARY.md explains, and none of the words that they replaced."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Each coined word, and the term to use instead.
REPLACED = {
    "cage": "decoder sandbox",
    "cages": "decoder sandbox",
    "zygote": "fork server",
    "tally": "metrics recorder",
    "tallies": "metrics recorder",
    "upkeep": "cache maintenance",
    "vitals": "process metrics",
    "outline": "clip metadata",
    "outlines": "clip metadata",
    "condemn": "mark corrupt",
    "condemns": "mark corrupt",
    "condemned": "mark corrupt",
    "strays": "pending victims",
    "wish": "quality target",
    "wishes": "quality target",
    "rated": "candidate",
    "unrated": "unknown quality",
    "pays": "is smaller",
    "crew": "pool",
    "struck": "injected",
    "surroundings": "environment",
    "former lives": "previous runs",
    "planted": "seeded bugs",
    "ledger": "oracle",
}
#: Suffixes of files are exempt, as existing files have them. Past changes and decisions keep the words of their time;
#: this file has to name them.
EXEMPT = ("CHANGELOG.md", "docs/adr/", "tests/unit/test_language.py")
TEXT = (".py", ".md", ".yaml", ".yml", ".c", ".h", ".toml", ".sh", "")


def test_no_coined_word_is_left() -> None:
    pattern = re.compile(rf"(?<![A-Za-z.])({'|'.join(REPLACED)})(?![A-Za-z])", re.IGNORECASE)
    left = [
        f"{path}:{number}: {match[0]}: say {REPLACED[match[0].lower()]}"
        for path in text_files()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert left == []


def text_files() -> list[str]:
    """Every file of the repository that people read and write."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [path for path in listed if Path(path).suffix in TEXT and not path.startswith(EXEMPT) and readable(path)]


def readable(path: str) -> bool:
    """Whether it is a file with text, and not deleted, binary or a list of dependencies."""
    file = ROOT / path
    return file.is_file() and not path.startswith("requirements") and b"\0" not in file.read_bytes()[:1024]


def terms() -> list[str]:
    return re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (ROOT / "docs/GLOSSARY.md").read_text(), re.MULTILINE)[1:]


def test_the_glossary_is_alphabetic() -> None:
    assert len(terms()) >= 40
    assert terms() == sorted(terms(), key=str.lower)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md"])
def test_the_glossary_is_linked(document: str) -> None:
    assert "GLOSSARY.md" in (ROOT / document).read_text()
