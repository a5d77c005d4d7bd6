"""Checks a running system after a deployment, with real calls through it: is it as it has to be?

It sends calls in each format and through each partition, of the hotel final-validation, and looks at workers, brokers,
topics, consumer group, lag, object stores, HTTP API, Prometheus, Alertmanager, Grafana and certificates. What is not
named is not checked, and reported so. Exit codes: 0 all that was checked is as it has to be; 1 something is not;
2 wrong usage.
"""

import argparse
import os
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from scripts.cli import add_cluster_options, cluster_of, count, end_as_interrupted, run, say, seconds
from scripts.command_settings import GrafanaSettings
from scripts.commands._json import JSON_HELP, json_file, write_json
from streams.runtime.setting_declaration import declared, read
from streams.runtime.settings import Settings, StoreSettings
from streams.stores import StoresConfiguration

_NAME = "final_validation"
_PATIENCE_S = 30.0
_EPILOG = """\
example:
  --worker-url http://10.0.0.5:8080 --worker-url http://10.0.0.6:8080 --prometheus-url https://prometheus.example
also from the environment: AUDIO_LAG_OBJECTIVE; AUDIO_ADMIN_TOKEN, for the workers' status; GRAFANA_ADMIN_PASSWORD, for
the dashboard; AUDIO_STORES and its account, for the object stores"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    end_as_interrupted()
    return run(_NAME, _validate(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/final_validation",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_endpoints(made)
    made.add_argument(
        "--known-alert",
        action="append",
        default=[],
        metavar="NAME",
        help="a critical alert that may fire, as one that fired before the deployment; may be repeated",
    )
    made.add_argument(
        "--ca-file", type=_certificates, metavar="FILE", help="who has signed the certificates of https URLs, as PEM"
    )
    made.add_argument(
        "--timeout",
        type=seconds,
        default=_PATIENCE_S,
        metavar="SECONDS",
        help="for outcomes to come and for the group to settle (default: %(default)g)",
    )
    made.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    add_cluster_options(made)
    return made


def _add_endpoints(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--worker-url",
        type=_url,
        action="append",
        default=[],
        metavar="URL",
        help="a worker, such as http://10.0.0.5:8080, or a load balancer before them; may be repeated",
    )
    made.add_argument(
        "--api-url",
        type=_url,
        action="append",
        default=[],
        metavar="URL",
        help="a process of the HTTP API, such as http://10.0.0.5:8000, or nginx before them; may be repeated",
    )
    made.add_argument("--workers", type=count, metavar="N", help="number of workers that the system has to have")
    for name in ("prometheus", "alertmanager", "grafana"):
        made.add_argument(f"--{name}-url", type=_url, metavar="URL", help=f"the system's {name.capitalize()}")


async def _validate(options: argparse.Namespace) -> int:
    from scripts.validation.checking import System, check  # noqa: PLC0415  slow, and --help does without
    from scripts.validation.table import print_report  # noqa: PLC0415

    worker = declared(Settings)
    token, objective = worker["admin_token"].value(os.environ), worker["lag_objective"].value(os.environ)
    system = System(
        cluster=cluster_of(options),
        worker_urls=options.worker_url,
        prometheus_url=options.prometheus_url,
        alertmanager_url=options.alertmanager_url,
        grafana_url=options.grafana_url,
        known_alerts=options.known_alert,
        workers=options.workers,
        lag_objective=float(str(objective)),
        patience=options.timeout,
        ca_file=options.ca_file,
        admin_token=None if token is None else str(token),
        grafana_password=read(GrafanaSettings, os.environ).admin_password,
        stores=_stores(),
        api_urls=options.api_url,
    )
    say(_NAME, f"sends calls and waits for their outcomes, at most {options.timeout:g} s without one")
    report = await check(system)
    if options.json != "-":
        print_report(report)
    if options.json is not None:
        write_json(options.json, report.as_json())
    return 0 if report.succeeded else 1


def _stores() -> StoresConfiguration | None:
    """The object stores, if the environment names some."""
    named = declared(StoreSettings)["store_uris"].is_set(os.environ)
    return read(StoreSettings, os.environ).store_configuration if named else None


def _url(text: str) -> str:
    try:
        address = urlsplit(text)
        is_whole = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise argparse.ArgumentTypeError(f"{text} is not of the form http://host:port")
    return text


def _certificates(text: str) -> Path:
    path = Path(text)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise argparse.ArgumentTypeError(f"{text} is no file that can be read")
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise argparse.ArgumentTypeError(f"{text} has no certificate in PEM") from None
    return path


if __name__ == "__main__":
    sys.exit(main())
