"""Prometheus, Alertmanager and their tools: those on the PATH, otherwise Debian's, downloaded once."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.debian import UnavailableError, fetched
from infra.directories import cache_directory
from infra.monitoring.errors import MonitoringError

_PACKAGES = ("prometheus", "prometheus-alertmanager")
# Debian's Alertmanager reads its templates only from /usr/share: a mount shows it the downloaded ones there, alone.
_WITH_SHARED_FILES = 'mount --bind "$0" /usr/share && exec "$@"'

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands that start the programs; arguments are appended.

    Attributes:
        prometheus: Collects metrics, and evaluates the rules.
        promtool: Checks configurations and rules, and runs the rules' unit tests.
        alertmanager: Groups alerts and sends them.
        amtool: Checks Alertmanager's configuration.
    """

    prometheus: Command
    promtool: Command
    alertmanager: Command
    amtool: Command


def ensure_programs(say: Callable[[str], None]) -> Programs:
    """Find the programs, or download Debian's into `.build`.

    Args:
        say: Called with a message before a slow step.

    Raises:
        MonitoringError: If they can be neither found nor downloaded.
    """
    return _installed() or _fetched(say)


def debian_packages(say: Callable[[str], None]) -> Path:
    """Debian's Prometheus and Alertmanager, downloaded once; their files are beneath, as beneath the root.

    Raises:
        UnavailableError: If they cannot be downloaded.
    """
    return fetched(cache_directory() / "monitoring", _PACKAGES, "Prometheus and Alertmanager, some 30 MB,", say)


def _installed() -> Programs | None:
    alertmanager = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    prometheus, promtool, amtool = (shutil.which(name) for name in ("prometheus", "promtool", "amtool"))
    if not (prometheus and promtool and alertmanager and amtool):
        return None
    return Programs((prometheus,), (promtool,), (alertmanager,), (amtool,))


def _fetched(say: Callable[[str], None]) -> Programs:
    try:
        usr = debian_packages(say) / "usr"
    except UnavailableError as error:
        raise MonitoringError(f"{' and '.join(_PACKAGES)} have to be installed, because {error}") from error
    namespace = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
    shared = (*namespace, "sh", "-c", _WITH_SHARED_FILES, str(usr / "share"))
    binaries = usr / "bin"
    return Programs(
        (str(binaries / "prometheus"),),
        (str(binaries / "promtool"),),
        (*shared, str(binaries / "prometheus-alertmanager")),
        (*shared, str(binaries / "amtool")),
    )
