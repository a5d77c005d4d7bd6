"""A release's tag, version and changelog agree, and nothing else repeats the version."""

import re
from pathlib import Path

import pytest

from infra.docker.image import version as project_version
from infra.packaging.release import Changelog, ReleaseError, check

ROOT = Path(__file__).parents[3]
HEAD = "# Changelog\n\n"
UNRELEASED = "## [Unreleased]\n\n- New.\n\n"
EMPTY = "## [Unreleased]\n\n"
RELEASED = "## [0.2.0] - 2026-02-01\n\n### Added\n\n- Two.\n\n## [0.1.0] - 2026-01-01\n\n- One.\n"


def test_this_changelog_fits_this_version() -> None:
    check(project_version(), Changelog.parse((ROOT / "CHANGELOG.md").read_text()))


def test_documents_name_this_version() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        version
        for document in documents
        if document.name != "CHANGELOG.md"
        for version in re.findall(r"(?:hotel-audio|hotel_audio_streams)[:-](\d+\.\d+\.\d+)", document.read_text())
    }
    assert named <= {project_version()}


def test_the_newest_section_is_the_notes() -> None:
    parsed = Changelog.parse(HEAD + UNRELEASED + RELEASED)
    assert parsed.unreleased == "- New."
    assert parsed.releases[0].notes == "### Added\n\n- Two."
    assert [release.version for release in parsed.releases] == [(0, 2, 0), (0, 1, 0)]


@pytest.mark.parametrize(
    ("version", "changelog", "tag"),
    [
        ("0.1.0", UNRELEASED, None),
        ("0.3.0", UNRELEASED + RELEASED, None),
        ("0.10.0", UNRELEASED + RELEASED, None),
        ("0.2.0", EMPTY + RELEASED, None),
        ("0.2.0", EMPTY + RELEASED, "v0.2.0"),
    ],
)
def test_what_agrees(version: str, changelog: str, tag: str | None) -> None:
    check(version, Changelog.parse(HEAD + changelog), tag)


@pytest.mark.parametrize(
    ("version", "changelog", "tag", "told"),
    [
        ("0.2.0", UNRELEASED + RELEASED, None, "raise the version"),
        ("0.1.0", UNRELEASED + RELEASED, None, "older than the changelog's newest"),
        ("0.2.0", EMPTY + RELEASED, "v0.2.1", "has to be v0.2.0"),
        ("0.2.0", EMPTY + RELEASED, "0.2.0", "has to be v0.2.0"),
        ("0.3.0", UNRELEASED + RELEASED, "v0.3.0", r"no section \[0.3.0\]"),
        ("0.1.0", UNRELEASED, "v0.1.0", r"no section \[0.1.0\]"),
        ("0.2", UNRELEASED, None, "three numbers"),
        ("0.2.0.dev1", UNRELEASED, None, "three numbers"),
    ],
)
def test_what_does_not_agree_is_told(version: str, changelog: str, tag: str | None, told: str) -> None:
    with pytest.raises(ReleaseError, match=told):
        check(version, Changelog.parse(HEAD + changelog), tag)


@pytest.mark.parametrize(
    ("changelog", "told"),
    [
        ("", "first section"),
        (RELEASED, "first section"),
        (EMPTY + "## 0.1.0\n", "heading has to be"),
        (EMPTY + "## [0.1.0] - 2026-02-30\n", "day is out of range"),
        (EMPTY + "## [0.1.0] - 2026-01-01\n" + RELEASED, "0.1.0 has to be newer than 0.2.0"),
        (EMPTY + "## [0.3.0] - 2026-01-31\n" + RELEASED, "0.3.0 has to be newer than 0.2.0"),
    ],
)
def test_a_changelog_of_another_form_is_told(changelog: str, told: str) -> None:
    with pytest.raises(ReleaseError, match=told):
        Changelog.parse(HEAD + changelog)
