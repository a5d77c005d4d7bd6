"""The settings of the commands beside the worker's, each declared once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.directories import state_directory
from streams.runtime.setting_declaration import read, setting
from streams.runtime.setting_kinds import DIRECTORY, Kind, one_of

_YES_NO = {"true": True, "false": False}


#: What Compose 2 accepts; version 1 leaves out every other character, so that its containers would not be found.
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")


def _project_name(text: str) -> str:
    if not _PROJECT.fullmatch(text):
        raise ValueError("must be of a-z, 0-9, _ and -, and begin with a letter or a digit")
    return text


def _yes_or_no(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise ValueError("must be true or false")
    return _YES_NO[text.lower()]


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The settings of commands that start processes on this machine."""

    run_dir: Path | None = setting(
        "AUDIO_RUN_DIR",
        DIRECTORY,
        "data and logs of processes that commands start; without it, `.run` in a checkout, otherwise"
        " `~/.local/state/hotel-audio`",
    )


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """The settings of Prometheus and Alertmanager."""

    scrape_interval: str = setting(
        "PROMETHEUS_SCRAPE_INTERVAL",
        Kind("`15s`, `1m`", str),
        "between two looks at the workers, and between two evaluations of the rules",
        default="15s",
    )
    webhook_url: str | None = setting(
        "ALERT_MANAGER_WEBHOOK_URL",
        Kind("URL", str),
        "where alerts go: in Slack's or Discord's own form at their addresses, or where the path is like theirs"
        " (`/services/...`, `/api/webhooks/...`), otherwise as Alertmanager's JSON",
        secret=True,
    )


@dataclass(frozen=True, slots=True)
class DeploySettings:
    """The settings of deployments."""

    environment: str = setting(
        "DEPLOY_ENV",
        one_of("local", "staging", "production"),
        "which compose files, or which overlay of Kubernetes",
        default="local",
    )
    version: str | None = setting(
        "AUDIO_VERSION", Kind("tag", str), "the image's version; without it, that of this checkout"
    )
    image: str | None = setting("AUDIO_IMAGE", Kind("name:tag", str), "the image's whole name, instead of the version")
    rollback_on_failure: bool = setting(
        "ROLLBACK_ON_FAILURE",
        Kind("`true`, `false`", _yes_or_no),
        "whether a version that fails is replaced by the one before",
        default="true",
    )


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """Compose's own settings, as far as a deployment has to know them."""

    project: str | None = setting("COMPOSE_PROJECT_NAME", Kind("name", _project_name), "name of the compose project")
    profiles: str = setting("COMPOSE_PROFILES", Kind("name,...", str), "profiles that are active", default="")


@dataclass(frozen=True, slots=True)
class GrafanaSettings:
    """The settings of Grafana."""

    admin_password: str | None = setting(
        "GRAFANA_ADMIN_PASSWORD", Kind("text", str), "password of Grafana's user `admin`", secret=True
    )


def run_directory(environ: Mapping[str, str]) -> Path:
    """The directory for data and logs of the processes that commands start."""
    return read(LocalSettings, environ).run_dir or state_directory()
