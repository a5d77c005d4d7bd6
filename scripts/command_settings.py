"""The settings of the commands beside the worker's, each declared once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.directories import state_directory
from streams.runtime.setting_declaration import read, setting
from streams.runtime.setting_kinds import DIRECTORY, Kind


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


def run_directory(environ: Mapping[str, str]) -> Path:
    """The directory for data and logs of the processes that commands start."""
    return read(LocalSettings, environ).run_dir or state_directory()
