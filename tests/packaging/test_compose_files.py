"""The files of Compose, without starting anything: both generations read them, and they say what other files say."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.docker.image import version
from streams.runtime.api_settings import ApiSettings
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings
from tests.chaos.workers import ROOT
from tests.support.composed import FILES

BASE, BROKER = FILES / "compose.yaml", FILES / "broker.yaml"
THREE, LOCAL = FILES / "compose.three-brokers.yaml", FILES / "compose.local.yaml"
EXAMPLE = FILES / ".env.example"
#: What the image itself sets.
FIXED = {"AUDIO_STATE_DIR", "AUDIO_HTTP_HOST", "AUDIO_HTTP_PORT", "AUDIO_API_PORT"}


def services(file: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(file.read_text())["services"]
    return found


def variables(*files: Path) -> dict[str, set[str]]:
    """The variables of files, each with its defaults."""
    found: dict[str, set[str]] = {}
    for name, default in chain.from_iterable(
        re.findall(r"(?<!\$)\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", file.read_text()) for file in files
    ):
        found.setdefault(name, set()).add(default)
    return found


@pytest.mark.parametrize("file", [BASE, BROKER, THREE, LOCAL], ids=lambda file: file.name)
def test_they_are_as_compose_2_reads_them(file: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_example_shows_every_variable_and_its_default() -> None:
    shown = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    for name, defaults in variables(BASE, BROKER, THREE).items():
        assert defaults - {""} <= {shown[name]}, name


def test_the_example_has_the_image_of_this_version() -> None:
    assert f"\nAUDIO_IMAGE=hotel-audio:{version()}\n" in EXAMPLE.read_text()


@pytest.mark.parametrize(("service", "settings"), [("worker", Settings), ("api", ApiSettings)])
def test_a_service_takes_every_setting_and_no_secret_by_its_value(service: str, settings: type) -> None:
    given = set(services(BASE)[service]["environment"])
    assert given == {one.file_variable or one.variable for one in declared(settings).values()} - FIXED


def test_brokers_have_the_settings_of_local_ones() -> None:
    given = services(BROKER)["broker"]["environment"] | services(BASE)["kafka"]["environment"]
    settings = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in given.items()}
    lines = (ROOT / "infra" / "kafka" / "broker.properties").read_text().splitlines()
    local = dict(line.split("=", 1) for line in lines if line and not line.startswith("#") and "${" not in line)
    differing = {name for name, value in local.items() if name in settings and settings[name] != value}
    # There, listeners have other names; here, they are for more than one machine.
    assert differing == {"inter.broker.listener.name", "listener.security.protocol.map"}
    assert settings.keys() - local.keys() >= {"node.id", "advertised.listeners", "log.dirs"}


def test_grafana_finds_what_is_provisioned() -> None:
    grafana = services(BASE)["grafana"]
    mounts = dict(one.split(":")[:2] for one in grafana["volumes"] if one.startswith("../"))
    provisioning = FILES.parent / "grafana" / "provisioning"
    [provider] = yaml.safe_load((provisioning / "dashboards" / "hotel-audio.yml").read_text())["providers"]
    assert mounts == {
        "../grafana/provisioning": "/etc/grafana/provisioning",
        "../grafana/dashboards": provider["options"]["path"],
    }
    assert all((FILES / path).is_dir() for path in mounts)
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    for variable in (source["url"], source["jsonData"]["timeInterval"]):
        assert variable.removeprefix("$") in grafana["environment"]
    image = variables(BASE)["GRAFANA_IMAGE"].pop()
    assert image in (ROOT / "docs" / "DASHBOARD.md").read_text()


def test_secrets_reach_neither_git_nor_an_image() -> None:
    for secret in ("secrets/nginx/tls.key", ".env"):
        path = (FILES / secret).relative_to(ROOT)
        ignored = subprocess.run(["git", "check-ignore", "-q", str(path)], cwd=ROOT, check=False).returncode
        assert ignored == 0 or not (ROOT / ".git").exists()
    for name in (".dockerignore", "MANIFEST.in"):
        excluded = (ROOT / name).read_text()
        assert "infra/docker/secrets" in excluded
        assert "infra/docker/.env" in excluded


@pytest.mark.parametrize("overrides", [(), (LOCAL,), (THREE,), (THREE, LOCAL)], ids=str)
def test_docker_compose_1_reads_them(overrides: tuple[Path, ...]) -> None:
    files = [part for file in (BASE, *overrides) for part in ("--file", str(file))]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        command = ["docker-compose", "--env-file", str(EXAMPLE), *files, "config"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("docker-compose is not installed")
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    brokers = read["worker"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"].split(",")
    assert {name.partition(":")[0] for name in brokers} == {name for name in read if name.startswith("kafka")}
    assert read["kafka"]["environment"]["KAFKA_MIN_INSYNC_REPLICAS"] == ("2" if THREE in overrides else "1")
