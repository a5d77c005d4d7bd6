"""Runs `./scripts/final_validation` with any Python: ``python scripts/final_validation.py``.

The command needs the project's environment, which `scripts/run` makes on first use. This needs the standard library.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    command = Path(__file__).resolve().with_suffix("")
    os.execv(command, [str(command), *sys.argv[1:]])  # noqa: S606  our own script, without a shell
