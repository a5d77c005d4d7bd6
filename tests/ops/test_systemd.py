"""The systemd units of a worker and of the HTTP API: well formed, confined, and in agreement with how these end."""

import re
from pathlib import Path

import pytest

from agents.worker import EXIT_USAGE
from infra.directories import CHECKOUT
from streams.runtime.api_settings import ApiSettings
from streams.runtime.fail_stop import EXIT_DEAD_LETTER_LIMIT
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings
from tests.support.systemd_analyze import API_UNIT, UNIT, analyze

#: Exposure from 0 to 10 as systemd counts it, times ten. What remains is mostly the network that a worker needs.
MOST_EXPOSED = 16
SECURITY = ("--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}")
TEXT = UNIT.read_text()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    checked = analyze(tmp_path, TEXT, "verify", "--man=no")
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("ExecStart=/opt/hotel-audio/bin/hotel-audio", "ExecStart=/opt/hotel-audio/bin/audio"),
        ("TimeoutStopSec=60s", "TimeoutStopSec=a minute"),
        ("ProtectHostname=", "ProtectHostName="),
        ("landlock_create_ruleset", "@landlock"),
    ],
)
def test_systemd_would_find_a_mistake(written: str, instead: str, tmp_path: Path) -> None:
    assert TEXT.count(written) == 1
    checked = analyze(tmp_path, TEXT.replace(written, instead), "verify", "--man=no")
    assert checked.stderr


def test_a_worker_is_confined(tmp_path: Path) -> None:
    checked = analyze(tmp_path, TEXT, "security", *SECURITY)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_decoders_may_still_confine_themselves() -> None:
    """systemd's own groups of system calls have no Landlock, without which the decoders could open files."""
    assert {"landlock_create_ruleset", "landlock_restrict_self"} <= set(re.findall(r"\w+", TEXT))
    assert "SystemCallErrorNumber=EPERM" in TEXT, "a decoder tries to change its user, and may fail"
    assert "\nMemoryDenyWriteExecute" not in TEXT, "FLAC could not be decoded"


def test_a_worker_that_needs_somebody_is_not_restarted() -> None:
    (codes,) = re.findall(r"^RestartPreventExitStatus=(.*)$", TEXT, re.MULTILINE)
    assert {int(code) for code in codes.split()} == {EXIT_USAGE, EXIT_DEAD_LETTER_LIMIT}


def test_the_unit_and_its_sample_set_what_a_worker_reads() -> None:
    assert CHECKOUT is not None
    sample = (CHECKOUT / "infra" / "systemd" / "worker.env").read_text()
    variables = re.findall(r"^(?:Environment=)?((?:AUDIO|KAFKA)_\w+?)(?:_FILE)?=", TEXT + sample, re.MULTILINE)
    assert len(variables) == 5
    assert set(variables) <= {setting.variable for setting in declared(Settings).values()}


def test_the_api_is_confined_as_a_worker_is(tmp_path: Path) -> None:
    text = API_UNIT.read_text()
    for directory, command in (("verify", ("verify", "--man=no")), ("security", ("security", *SECURITY))):
        checked = analyze(tmp_path / directory, text, *command, name=API_UNIT.name)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert checked.stderr == ""
    confinement = {line for line in TEXT.splitlines() if line.startswith(("Protect", "Private", "Restrict", "System"))}
    assert {line for line in confinement if "ExitStatus" not in line} <= set(text.splitlines())


def test_the_apis_unit_and_its_sample_set_what_it_reads() -> None:
    text = API_UNIT.read_text() + API_UNIT.with_name("api.env").read_text()
    variables = re.findall(r"^(?:Environment=)?((?:AUDIO|KAFKA)_\w+?)=", text, re.MULTILINE)
    assert len(variables) == 5
    assert set(variables) <= {setting.variable for setting in declared(ApiSettings).values()}
