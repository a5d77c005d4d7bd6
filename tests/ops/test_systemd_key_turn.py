"""The systemd units of the daily turn of the keys are well formed, and confine it."""

import re
from pathlib import Path

from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.sealing_settings import KeyStoreSettings
from streams.runtime.setting_declaration import declared
from tests.support.systemd_analyze import UNIT, analyze

UNITS = UNIT.parent
SERVICE = (UNITS / "hotel-audio-key-turn.service").read_text()
TIMER = (UNITS / "hotel-audio-key-turn.timer").read_text()


def test_systemd_accepts_the_service(tmp_path: Path) -> None:
    checked = analyze(tmp_path, SERVICE, "verify", "--man=no")
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_turn_is_confined(tmp_path: Path) -> None:
    checked = analyze(tmp_path, SERVICE, "security", "--offline=true", "--no-pager", "--threshold=30")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_timer_starts_it_daily_and_makes_up_for_what_was_missed() -> None:
    assert "OnCalendar=daily" in TIMER
    assert "Persistent=yes" in TIMER


def test_the_sample_sets_what_the_command_reads() -> None:
    sample = (UNITS / "key-turn.env").read_text()
    known = {one.variable for kind in (ClusterSettings, KeyStoreSettings) for one in declared(kind).values()}
    assert set(re.findall(r"^(\w+)=", sample, re.MULTILINE)) <= known
