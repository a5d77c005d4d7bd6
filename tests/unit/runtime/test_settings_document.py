import argparse
from pathlib import Path

import pytest

from scripts.cli import add_cluster_options, cluster_of
from scripts.command_settings import MonitoringSettings
from scripts.commands import settings as command
from scripts.commands import worker
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings
from streams.runtime.settings_document import table

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("document", "settings"), [("README.md", Settings), ("docs/MONITORING_RUNBOOK.md", MonitoringSettings)]
)
def test_the_documents_say_what_is_declared(document: str, settings: type[object]) -> None:
    text = (ROOT / document).read_text()
    assert text.count(f"\n\n{table(settings)}\n") == 1, "run ./scripts/settings --write"


def test_the_command_prints_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    printed = capsys.readouterr().out
    assert table(Settings) in printed
    assert table(MonitoringSettings) in printed


def test_another_table_takes_the_place_of_the_documents_own() -> None:
    old = f"before\n\n{table(Settings)}\n| another | table |\n|---|---|\n"
    assert command.with_table(old, table(MonitoringSettings)) == old.replace(table(Settings), table(MonitoringSettings))


def test_no_part_of_a_table_breaks_it() -> None:
    lines = [*table(Settings).splitlines(), *table(MonitoringSettings).splitlines()]
    assert {line.count("|") for line in lines} == {5}


def test_the_workers_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        worker.main(["--help"])
    told = capsys.readouterr().out
    for one in declared(Settings).values():
        assert f"\n  {one.variable}" in told
        assert (one.default or "") in told
    assert "AUDIO_ADMIN_TOKEN_FILE" in told


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [("KAFKA_BOOTSTRAP_SERVERS", "nowhere", "host:port"), ("AUDIO_TOPIC_PREFIX", "a/b", "only letters")],
)
def test_a_command_refuses_what_the_worker_refuses(
    variable: str, value: str, rule: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    parser = argparse.ArgumentParser()
    add_cluster_options(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"{variable}={value}: " in last
    assert rule in last


def test_an_option_counts_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIO_GROUP", "not a name")
    monkeypatch.setenv("AUDIO_TOPIC_PREFIX", "there.")
    parser = argparse.ArgumentParser()
    add_cluster_options(parser)
    cluster = cluster_of(parser.parse_args(["--group", "one", "--bootstrap-servers", "a:1, b:2"]))
    assert (cluster.bootstrap_servers, cluster.prefix, cluster.group) == ("a:1,b:2", "there.", "one")
