"""Fits the classifier of music and speech, on recordings that it fetches (some 150 MB).

Writes streams/analysis/music.json, and prints, by kind of recording, the share that a fit
without it classifies correctly.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from infra.debian import UnavailableError
from scripts.benchmarks import corpus
from scripts.cli import fail, say
from scripts.training import discriminant

_say = partial(say, "fit_analysis")
FILE = Path(__file__).parents[2] / "streams" / "analysis" / "music.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    argparse.ArgumentParser(prog="scripts/fit_analysis", description=__doc__).parse_args(argv)
    try:
        corpus.load(corpus.CACHE, _say)
        found = discriminant.sources(corpus.CACHE, discriminant.CACHE, _say)
    except UnavailableError as error:
        return fail("fit_analysis", f"there is nothing to fit, because {error}")
    _say(f"fitting {sum(len(source.excerpts) for source in found)} excerpts of {len(found)} sources")
    fitted = discriminant.fit(found)
    right = {kind: round(share, 3) for kind, share in discriminant.left_out(found).items()}
    data = {"weights": fitted.weights.tolist(), "bias": fitted.bias, "right_when_left_out": right}
    FILE.write_text(json.dumps(data, indent=2) + "\n")
    for kind, share in right.items():
        print(f"{kind}: {share:.1%} right where their source was not fitted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
