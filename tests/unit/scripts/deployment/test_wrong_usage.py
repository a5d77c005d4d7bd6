"""What the command `deploy` refuses before it looks at anything."""

import pytest

from scripts.commands import deploy
from scripts.deployment.driver import ExitCode


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compose", "--overlay", "mine"], "--overlay: is for kubernetes"),
        (["kubernetes", "--file", __file__], "--file: is for compose"),
        (["compose", "--file", "missing.yaml"], "missing.yaml is no file"),
    ],
)
def test_options_that_do_not_fit(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        deploy.main(arguments)
    assert ended.value.code == ExitCode.WRONG_USE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEPLOY_ENV", "prod"),
        ("ROLLBACK_ON_FAILURE", "maybe"),
        ("COMPOSE_PROJECT_NAME", "Hotel.Audio"),  # version 1 of Compose would call it otherwise
    ],
)
def test_settings_that_do_not_fit(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert deploy.main(["compose"]) == ExitCode.WRONG_USE
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"deploy: {variable}={value}: must be ")
