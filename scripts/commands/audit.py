"""Verifies, shows and signs the audit, and checks receipts.

verify finds entries that were changed, dropped, added between, reordered or cut from the end. For the last it needs
--heads: a file of signed heads, which `sign` writes, and which is kept where nobody who can write the topic can. Keys
are Ed25519 in PEM:

    openssl genpkey -algorithm ed25519 -out audit.key; openssl pkey -in audit.key -pubout -out audit.pub
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import add_cluster_options, count, run, seconds, writable
from scripts.commands._json import JSON_HELP, json_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    from scripts.audit_trail import actions  # noqa: PLC0415  cryptography, which the help does without

    return run("audit", actions.ACTIONS[options.action](options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/audit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = made.add_subparsers(dest="action", required=True, metavar="verify|show|sign|receipt|check-receipt")
    verify = actions.add_parser("verify", help="exit 0 if the audit is whole, as far as signed heads tell")
    verify.add_argument("--heads", type=Path, metavar="FILE", help="signed heads that were kept elsewhere")
    show = actions.add_parser("show", help="the last entries")
    show.add_argument("--last", type=count, default=50, metavar="N", help="how many (default: %(default)s)")
    show.add_argument("--what", metavar="ACTION", help="only this action, such as listen")
    show.add_argument("--object", metavar="ID", help="only what is about this, such as call:1769851800.4711")
    show.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    sign = actions.add_parser("sign", help="verify, and sign a head: into --heads, the topic and standard output")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
    sign.add_argument("--heads", type=Path, required=True, metavar="FILE", help="where heads are kept; appended to")
    sign.add_argument("--every", type=seconds, metavar="S", help="go on, each S seconds in which something was written")
    receipt = actions.add_parser("receipt", help="write the receipt of an entry that a signed head covers")
    receipt.add_argument("file", type=writable, metavar="FILE", help="the receipt")
    receipt.add_argument("--request", required=True, metavar="ID", help="the request, as the command has told it")
    receipt.add_argument("--object", metavar="ID", help="if the request has several entries: the one about this")
    check = actions.add_parser("check-receipt", help="exit 0 if the receipt proves its entry; needs no Kafka")
    check.add_argument("receipt", type=Path, metavar="FILE", help="the receipt")
    for one in (verify, check):
        one.add_argument("--public-key", type=Path, required=True, metavar="FILE", help="the public key")
    for one in (verify, show, sign, receipt):
        add_cluster_options(one)
    return made


if __name__ == "__main__":
    sys.exit(main())
