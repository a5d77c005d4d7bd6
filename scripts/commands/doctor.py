"""Checks everything between the settings and a working installation, and says what to do.

Looks at settings, files with secrets, certificates, brokers (name, port, protocol, TLS, login), the cluster, its
topics, the rights of a role and the clocks, and for a worker at its machine. Nothing is changed, and
no record is written.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from schemas.access import load_roles
from scripts.cli import add_cluster_texts, given_texts, progress_line, run
from scripts.commands._json import JSON_HELP, json_file, write_json

_EPILOG = "The exit code is 1 if a check has failed; warnings leave it at 0."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    return run("doctor", _doctor(options, {**os.environ, **given_texts(options)}), tell_unknown=False)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/doctor", description=__doc__, epilog=_EPILOG)
    made.add_argument(
        "--role",
        choices=tuple(load_roles()),
        default="worker",
        help="whose work has to be possible with these settings (default: %(default)s)",
    )
    made.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    add_cluster_texts(made)
    return made


async def _doctor(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from scripts.diagnosis.all_checks import CHECKS  # noqa: PLC0415  slow to import, and the help needs none of it
    from scripts.diagnosis.checking import Installation, diagnose  # noqa: PLC0415  as above
    from scripts.diagnosis.rendering import lines  # noqa: PLC0415  as above

    installation = Installation.of(environ, load_roles()[options.role])
    with progress_line() as progress:
        report = await diagnose(CHECKS, installation, progress)
    if options.json != "-":
        print("\n".join(lines(report)))
    if options.json is not None:
        write_json(options.json, {"role": options.role, **report.as_json()})
    return 0 if report.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
