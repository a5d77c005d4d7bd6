import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.commands import api_keys
from streams.security.api_keys import ApiKeys, check_key
from streams.security.principal import Principal
from streams.security.roles import Role


def add(file: Path, *options: str) -> int:
    return api_keys.main(["add", "--file", str(file), "--role", "listener", "--holder", "person-7", *options])


def test_a_key_is_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    assert add(file, "--hotel", "lisbon", "--hotel", "porto", "--days", "30") == 0
    text = capsys.readouterr().out.strip()
    who = check_key(text, ApiKeys.from_json(file.read_bytes()), datetime.now(UTC))
    assert isinstance(who, Principal)
    assert (who.role, who.hotels) == (Role.LISTENER, frozenset({"lisbon", "porto"}))
    assert text not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert api_keys.main(["list", "--file", str(file), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["id"], row["holder"], row["state"]) == (who.credential, "person-7", "valid")
    assert api_keys.main(["revoke", "--file", str(file), who.credential]) == 0
    assert check_key(text, ApiKeys.from_json(file.read_bytes()), datetime.now(UTC)) == "revoked_key"
    assert api_keys.main(["list", "--file", str(file)]) == 0
    assert capsys.readouterr().out.split() == [
        who.credential, "person-7", "listener", "lisbon", "porto", row["expires"], "revoked",
    ]  # fmt: skip


def test_mistakes_are_one_line_and_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    assert api_keys.main(["revoke", "--file", str(file), "0" * 16]) == 1
    assert "has no key" in capsys.readouterr().err
    assert not file.exists()
    file.write_text("{")
    assert add(file, "--all-hotels") == 1
    assert "is no JSON" in capsys.readouterr().err
    assert file.read_text() == "{"
    assert add(tmp_path / "missing" / "keys", "--all-hotels") == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--all-hotels", "--hotel", "x"], ["--hotel", "*"], ["--hotel", ""]])
def test_hotels_have_to_be_said(tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        add(tmp_path / "keys", *options)


def test_without_a_file_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AUDIO_API_KEYS_FILE", raising=False)
    with pytest.raises(SystemExit, match="2"):
        api_keys.main(["list"])
    assert "AUDIO_API_KEYS_FILE" in capsys.readouterr().err
