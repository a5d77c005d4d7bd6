"""What the release's workflow calls."""

from pathlib import Path

import pytest

from infra.docker.image import version as project_version
from scripts.commands import release


@pytest.mark.long
def test_the_command_builds_the_wheel_of_the_version(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert release.main(["wheel", "--out", str(tmp_path / "dist")]) == 0
    (wheel,) = (tmp_path / "dist").iterdir()
    assert capfd.readouterr().out == f"{wheel}\n"
    assert wheel.name.startswith(f"hotel_audio_streams-{project_version()}-cp3")


def test_the_command_prints_the_version_or_what_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["check"]) == 0
    assert capsys.readouterr().out == f"{project_version()}\n"
    assert release.main(["check", "--tag", "v999.0.0"]) == 1
    assert "the tag has to be v" in capsys.readouterr().err
