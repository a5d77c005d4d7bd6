"""Prints the Kubernetes manifests that are generated from the rules, the topics, and the other manifests."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from scripts.cli import fail, say
from scripts.kubernetes.generated import generated
from scripts.kubernetes.kubectl import KubectlError, ensure_kubectl

_K8S = Path(__file__).resolve().parents[2] / "infra" / "k8s"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    try:
        files = generated(_K8S, ensure_kubectl(partial(say, "manifests")))
    except KubectlError as error:
        return fail("manifests", str(error))
    for name, content in files.items():
        if options.write:
            (_K8S / name).write_text(content)
        else:
            print(content, end="")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/manifests",
        description=__doc__,
        epilog="After a change of rules, topics or manifests: ./scripts/manifests --write",
    )
    made.add_argument("--write", action="store_true", help="write them into infra/k8s instead")
    return made


if __name__ == "__main__":
    sys.exit(main())
