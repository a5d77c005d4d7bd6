import contextlib
import io
import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/ARCHITECTURE.md",
    "docs/ARCHIVE.md",
    "docs/CALLS.md",
    "docs/COMPLIANCE.md",
    "docs/DEPLOYMENT_GUIDE.md",
    "docs/deployment/KUBERNETES.md",
    "docs/MONITORING_RUNBOOK.md",
    "docs/TROUBLESHOOTING.md",
    "docs/LOGGING.md",
    "docs/DASHBOARD.md",
    "docs/DOCTOR.md",
    "docs/HTTP_API.md",
    "docs/LARGE_AUDIO.md",
    "docs/OBJECT_STORES.md",
    "docs/RECORDINGS.md",
    "docs/RELEASING.md",
    "docs/SECURITY.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "deployment").glob("*.md")),
)
#: Written in bash; the others are modules.
SHELL_COMMANDS = {"run", "test"}


def test_every_setting_is_in_the_readme_and_nothing_else() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert documented == [one.variable for one in declared(Settings).values()]
    assert set(declared(Settings)) == {field.name for field in fields(Settings)}


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


def test_every_event_of_the_log_is_documented_and_nothing_else() -> None:
    sources = [path.read_text() for folder in ("agents", "streams") for path in (ROOT / folder).rglob("*.py")]
    written = {event for text in sources for event in re.findall(r"\blog\.\w+\(\s*\"(\w+)\"", text)}
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| [a-z, ]+ \|", (ROOT / "docs/LOGGING.md").read_text(), re.MULTILINE)
    assert {event for row in rows for event in re.findall(r"\w+", row)} == written


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_section_leads_to_one(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([\w./]*)#([\w-]+)\)", path.read_text())
    assert [link for link in links if link[1] not in sections((path.parent / link[0]) if link[0] else path)] == []


def sections(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are made where it is shown."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_and_action_of_a_command_in_the_documents_is_in_its_help(document: str) -> None:
    used = re.findall(r"\./scripts/([\w-]++)(?!\.sh)((?: (?:--)?[\w:./,-]+)*)", (ROOT / document).read_text())
    for command, arguments in used:
        if command in SHELL_COMMANDS:
            continue
        actions = re.findall(r"^ ([a-z]+(?:-[a-z]+)*)\b(?![./])", arguments)
        named = re.findall(r"--[\w-]+", arguments) + actions
        text = help_of(command) + help_of(command, *actions)
        assert [name for name in named if not re.search(rf"{name}\b", text)] == [], command


@cache
def help_of(command: str, *action: str) -> str:
    """What a command, or one of its actions, prints when it is asked for its help."""
    wrapper = (ROOT / "scripts" / command).read_text()
    module = import_module(wrapper.split('/run" ')[1].split()[0])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
        module.main([*action, "--help"])
    assert ended.value.code == 0
    return printed.getvalue()
