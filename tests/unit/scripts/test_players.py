import shlex
from pathlib import Path

import pytest

from scripts.players import play_line


@pytest.mark.parametrize(
    ("programs", "first"), [(["mpv", "ffplay"], "ffplay"), (["xdg-open", "mpv"], "mpv"), (["xdg-open"], "xdg-open")]
)
def test_the_line_plays_with_a_program_that_exists(
    programs: list[str], first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in programs:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    path = Path("/tmp/mein Gast's Höranruf.ogg")  # noqa: S108  not opened
    words = shlex.split(play_line(path))
    assert (words[0], words[-1]) == (first, str(path))


def test_without_a_player_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert play_line(Path("/a b.ogg")).endswith(": '/a b.ogg'")
