"""Which accounts `access` grants rights to: one that is named, and never everybody."""

import pytest

from scripts.commands import access

NOBODY = ("--bootstrap-servers", "127.0.0.1:1")


@pytest.mark.parametrize("account", ["", "*", "User:pbx", " pbx", "pbx\nlisbon"])
def test_what_is_no_account_gets_no_role(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        access.main(["apply", f"telephony={account}", *NOBODY])
    assert caught.value.code == 2
    assert "is no account's name" in capsys.readouterr().err


@pytest.mark.parametrize(("account", "refused"), [("hotel", True), ("hotel-audio", True), ("archive", False)])
def test_no_consumer_gets_into_the_workers_group(
    account: str, refused: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert access.main(["apply", f"consumer={account}", "--group", "hotel-audio", *NOBODY]) == 1
    assert ("could read in the workers' group" in capsys.readouterr().err) is refused
