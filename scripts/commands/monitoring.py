"""Runs Prometheus and Alertmanager on this machine: `monitoring up`, `monitoring down`, `monitoring status`."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from infra.monitoring.configuration import Monitoring, render
from infra.monitoring.errors import MonitoringError
from infra.monitoring.local import LocalMonitoring
from scripts.cli import count, fail, say, tell_unknown_settings
from scripts.command_settings import LocalSettings, MonitoringSettings, run_directory
from streams.runtime.setting_declaration import SettingsError, read
from streams.runtime.settings_document import help_text

_NAME = "monitoring"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one action; standard output has only addresses and paths."""
    options = parser().parse_args(argv)
    tell_unknown_settings(_NAME)
    actions = {"up": _up, "down": _down, "status": _status, "render": _render}
    try:
        return actions[options.action](options)
    except (MonitoringError, SettingsError) as error:
        return fail(_NAME, str(error))
    except BrokenPipeError:  # nobody reads the addresses
        raise
    except OSError as error:
        return fail(_NAME, f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/monitoring",
        description=__doc__,
        epilog=f"settings, from the environment:\n{help_text(MonitoringSettings)}\n{help_text(LocalSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "action",
        choices=("up", "down", "status", "render"),
        help="up: start both with the rules of infra/prometheus; down: stop them and remove their data; status: exit 0 "
        "if both are up, 1 otherwise; render: only write their configuration, for other servers",
    )
    _add_workers(made)
    _add_apis(made)
    made.add_argument(
        "--minimum", type=count, default=1, metavar="N", help="alert if fewer workers are ready (default: 1)"
    )
    made.add_argument("--port", type=int, default=9090, help="Prometheus' port (default: %(default)s)")
    made.add_argument("--alertmanager-port", type=int, default=9093, help="(default: %(default)s)")
    made.add_argument(
        "--alertmanager",
        metavar="HOST:PORT",
        help="for render: where Prometheus reaches Alertmanager, if not on this host",
    )
    made.add_argument(
        "--out",
        type=Path,
        default=Path("monitoring"),
        metavar="DIRECTORY",
        help="directory for render (default: %(default)s)",
    )
    return made


def _add_workers(made: argparse.ArgumentParser) -> None:
    workers = made.add_mutually_exclusive_group()
    workers.add_argument(
        "--workers",
        default="127.0.0.1:8080",
        metavar="HOST:PORT,...",
        help="HTTP endpoints of the workers (default: %(default)s)",
    )
    workers.add_argument(
        "--workers-name", metavar="NAME:PORT", help="a DNS name instead: each of its addresses is a worker"
    )


def _add_apis(made: argparse.ArgumentParser) -> None:
    apis = made.add_mutually_exclusive_group()
    apis.add_argument("--apis", metavar="HOST:PORT,...", help="HTTP endpoints of the HTTP API (default: none)")
    apis.add_argument("--apis-name", metavar="NAME:PORT", help="a DNS name instead: each of its addresses is one")


def _monitoring(options: argparse.Namespace) -> Monitoring:
    settings = read(MonitoringSettings, os.environ)
    return Monitoring(
        workers=[] if options.workers_name else options.workers.split(","),
        workers_name=options.workers_name,
        workers_minimum=options.minimum,
        apis=options.apis.split(",") if options.apis else [],
        apis_name=options.apis_name,
        scrape_interval=settings.scrape_interval,
        webhook_url=None if settings.webhook_url is None else str(settings.webhook_url),  # YAML knows plain text alone
    )


def _local(options: argparse.Namespace) -> LocalMonitoring:
    directory = run_directory(os.environ) / f"{_NAME}-{options.port}"
    return LocalMonitoring(directory, options.port, options.alertmanager_port, partial(say, _NAME))


def _up(options: argparse.Namespace) -> int:
    local = _local(options)
    if not all(local.status().values()):
        local.configure(_monitoring(options))
        local.start()
    _announce(local)
    return 0


def _down(options: argparse.Namespace) -> int:
    _local(options).stop()
    say(_NAME, "Prometheus and Alertmanager are down and their data is removed")
    return 0


def _status(options: argparse.Namespace) -> int:
    local = _local(options)
    states = local.status()
    for name, ready in states.items():
        say(_NAME, f"{name} is {'up' if ready else 'not up'}")
    if not all(states.values()):
        return 1
    _announce(local)
    return 0


def _render(options: argparse.Namespace) -> int:
    render(options.out, _monitoring(options), options.alertmanager or f"127.0.0.1:{options.alertmanager_port}")
    for path in sorted(options.out.iterdir()):
        print(path)
    return 0


def _announce(local: LocalMonitoring) -> None:
    print(f"Prometheus: {local.url}")
    print(f"alerts: {local.url}/alerts")
    print(f"Alertmanager: {local.alertmanager_url}")


if __name__ == "__main__":
    sys.exit(main())
